"""One task, one transaction: add two items to an order, each with the number that comes next."""

from __future__ import annotations

import asyncio

from models import Item
from session import session_factory
from sqlalchemy import func
from sqlalchemy import select


async def add(session, order_id, product):
    lines = await session.execute(select(func.count(Item.id)).where(Item.order_id == order_id))
    session.add(Item(order_id=order_id, line=lines.scalar_one() + 1, product=product))
    await session.flush()


async def place_order():
    async with session_factory() as session:
        await add(session, 1, "tea")
        await add(session, 1, "cup")
        await session.commit()


async def main():
    await asyncio.create_task(place_order(), name="order")


if __name__ == "__main__":
    asyncio.run(main())
