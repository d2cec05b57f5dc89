"""One task, one transaction: close an order, then lock it to add an item."""

from __future__ import annotations

import asyncio

from models import Item
from models import Order
from session import session_factory
from sqlalchemy import select


async def place_order():
    async with session_factory() as session:
        order = await session.get(Order, 1)
        order.state = "closed"
        await session.flush()
        await session.execute(select(Order.id).where(Order.id == 1).with_for_update())
        session.add(Item(order_id=1, line=1, product="tea"))
        await session.commit()


async def main():
    await asyncio.create_task(place_order(), name="order")


if __name__ == "__main__":
    asyncio.run(main())
