"""The fix in the request: it writes, so its session has one engine for everything."""

from __future__ import annotations

import asyncio

from models import Item
from models import Order
from session import engines
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def add(session, order_id, product):
    lines = await session.execute(select(func.count(Item.id)).where(Item.order_id == order_id))
    session.add(Item(order_id=order_id, line=lines.scalar_one() + 1, product=product))
    await session.flush()


async def place_order():
    async with AsyncSession(engines["writer"]) as session:
        order = (await session.execute(select(Order).where(Order.id == 1).with_for_update())).scalar_one()
        await add(session, 1, "tea")
        await add(session, 1, "cup")
        order.state = "closed"
        await session.commit()


async def main():
    await asyncio.create_task(place_order(), name="order")


if __name__ == "__main__":
    asyncio.run(main())
