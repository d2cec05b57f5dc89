"""Open an account and answer with it, number included: add, commit, refresh."""

from __future__ import annotations

import asyncio

from models import Account
from session import session_factory


async def open_account(owner):
    async with session_factory() as session:
        account = Account(owner=owner, balance=0)
        session.add(account)
        await session.commit()
        await session.refresh(account)
        return account.id, account.owner


async def main():
    await asyncio.create_task(open_account("ben"), name="ben")


if __name__ == "__main__":
    asyncio.run(main())
