"""Change an order and answer with what it is now."""

from __future__ import annotations

import asyncio

from models import Order
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def rename_customer(number, name):
    async with AsyncSession(engine) as session:
        order = await session.get(Order, number)
        order.customer = name
        await session.commit()
        return {"number": number, "customer": order.customer}


async def main():
    print(await rename_customer(1, "anna"))


if __name__ == "__main__":
    asyncio.run(main())
