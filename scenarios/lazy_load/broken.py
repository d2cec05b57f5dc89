"""Show an order with its lines."""

from __future__ import annotations

import asyncio

from models import Order
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def show_order(number):
    async with AsyncSession(engine) as session:
        result = await session.execute(select(Order).where(Order.id == number))
        order = result.scalars().one()
        return [line.product for line in order.lines]


async def main():
    print(await show_order(1))


if __name__ == "__main__":
    asyncio.run(main())
