"""Two deposits on one account, one request after the other: read the balance, add to it, write it back."""

from __future__ import annotations

import asyncio

from models import Account
from session import session_factory


async def deposit(amount):
    async with session_factory() as session:
        account = await session.get(Account, 1)
        account.balance += amount
        await session.commit()


async def main():
    await asyncio.create_task(deposit(10), name="ten")
    await asyncio.create_task(deposit(20), name="twenty")


if __name__ == "__main__":
    asyncio.run(main())
