"""The stock is kept in the database and in a cache. A row lock guards the one, an asyncio.Lock the other."""

from __future__ import annotations

import asyncio

from models import Stock
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")

cache = {}


async def sell(cache_lock):
    """Database first, cache second."""
    async with AsyncSession(engine) as session:
        stock = await session.get(Stock, 1, with_for_update=True)
        stock.amount -= 1
        async with cache_lock:
            cache[1] = stock.amount
            await session.commit()


async def take_back(cache_lock):
    """Cache first, database second."""
    async with cache_lock, AsyncSession(engine) as session:
        stock = await session.get(Stock, 1, with_for_update=True)
        stock.amount += 1
        cache[1] = stock.amount
        await session.commit()


async def main():
    cache_lock = asyncio.Lock()
    await asyncio.gather(
        asyncio.create_task(sell(cache_lock), name="sale"),
        asyncio.create_task(take_back(cache_lock), name="return"),
    )


if __name__ == "__main__":
    asyncio.run(main())
