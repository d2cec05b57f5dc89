"""Two deposits on one account at once: read the balance, add to it, write it back."""

from __future__ import annotations

import asyncio

from models import Account
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://bank:bank@db.internal/bank")


async def deposit(amount):
    async with AsyncSession(engine) as session:
        account = await session.get(Account, 1)
        account.balance += amount
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(deposit(10), name="ten"),
        asyncio.create_task(deposit(20), name="twenty"),
    )


if __name__ == "__main__":
    asyncio.run(main())
