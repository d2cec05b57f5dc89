"""The fix for what may fail without harm: a session of its own, with the timeout around all of it."""

from __future__ import annotations

import asyncio

from models import Order
from models import Product
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def suggestions():
    async with AsyncSession(engine) as session:
        result = await session.execute(select(Product.name))
        return result.scalars().all()


async def place_order(customer):
    async with AsyncSession(engine) as session:
        session.add(Order(customer=customer))
        await session.commit()
    # The order stands. Whatever becomes of the suggestions, it stays.
    try:
        return await asyncio.wait_for(suggestions(), timeout=1)
    except asyncio.TimeoutError:
        return []


async def main():
    await asyncio.create_task(place_order("ann"), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
