"""The fix: whoever needs several rows takes them in one order that is the same for all."""

from __future__ import annotations

import asyncio

from models import Account
from models import Transfer
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://bank:bank@db.internal/bank")


async def change(session, account, amount):
    statement = update(Account).where(Account.id == account).values(balance=Account.balance + amount)
    await session.execute(statement.execution_options(synchronize_session=False))


async def transfer(name, source, target, amount):
    async with AsyncSession(engine) as session:
        for account, change_by in sorted([(source, -amount), (target, amount)]):
            await change(session, account, change_by)
        session.add(Transfer(name=name, amount=amount))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(transfer("rent", 1, 2, 70), name="rent"),
        asyncio.create_task(transfer("refund", 2, 1, 20), name="refund"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
