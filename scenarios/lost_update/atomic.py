"""The fix that needs no reading: the database adds."""

from __future__ import annotations

import asyncio

from models import Account
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://bank:bank@db.internal/bank")


async def deposit(amount):
    async with AsyncSession(engine) as session:
        addition = update(Account).where(Account.id == 1).values(balance=Account.balance + amount)
        await session.execute(addition.execution_options(synchronize_session=False))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(deposit(10), name="ten"),
        asyncio.create_task(deposit(20), name="twenty"),
    )


if __name__ == "__main__":
    asyncio.run(main())
