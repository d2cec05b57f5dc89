"""Place an order and suggest more to buy. Suggestions may be slow, so they get one second and no more."""

from __future__ import annotations

import asyncio

from models import Order
from models import Product
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def suggestions(session):
    result = await session.execute(select(Product.name))
    return result.scalars().all()


async def place_order(customer):
    async with AsyncSession(engine) as session:
        session.add(Order(customer=customer))
        await session.flush()
        try:
            suggested = await asyncio.wait_for(suggestions(session), timeout=1)
        except asyncio.TimeoutError:
            suggested = []
        await session.commit()
        return suggested


async def main():
    await asyncio.create_task(place_order("ann"), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
