"""The fix: the helper works in its caller's session, which holds the row already."""

from __future__ import annotations

import asyncio

from models import Stock
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def reserve(session):
    stock = await session.get(Stock, 1, with_for_update=True)
    stock.amount -= 1


async def sell():
    async with AsyncSession(engine) as session:
        await session.get(Stock, 1, with_for_update=True)
        await reserve(session)
        await session.commit()


async def main():
    await asyncio.create_task(sell(), name="sale")


if __name__ == "__main__":
    asyncio.run(main())
