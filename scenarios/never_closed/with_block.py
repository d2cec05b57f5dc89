"""The fix: the session is opened with `async with`, and so closed whatever the way out."""

from __future__ import annotations

import asyncio

from models import Customer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)


async def handle(number):
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        if customer is None:
            return "no such customer"
        return customer.email


async def main():
    await asyncio.create_task(handle(7), name="wrong")
    await asyncio.create_task(handle(8), name="wrong too")
    await asyncio.create_task(handle(1), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
