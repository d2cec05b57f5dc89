"""The fix in the routing: once a transaction has written, or wants a lock, all of it goes to the writer."""

from __future__ import annotations

import asyncio

from models import Item
from models import Order
from session import engines
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.orm import sessionmaker
from sqlalchemy.sql import Select


class RoutingSession(Session):
    """Reads from the reader until it writes for the first time; what is no plain query counts as writing."""

    def get_bind(self, mapper=None, clause=None, **kwargs):
        plain = isinstance(clause, Select) and clause._for_update_arg is None
        if self._flushing or not plain:
            self.info["writes"] = True
        return engines["writer" if "writes" in self.info else "reader"].sync_engine


@event.listens_for(RoutingSession, "after_transaction_end")
def forget(session, transaction):
    if transaction.parent is None:
        session.info.pop("writes", None)


session_factory = sessionmaker(class_=AsyncSession, sync_session_class=RoutingSession)


async def add(session, order_id, product):
    lines = await session.execute(select(func.count(Item.id)).where(Item.order_id == order_id))
    session.add(Item(order_id=order_id, line=lines.scalar_one() + 1, product=product))
    await session.flush()


async def place_order():
    async with session_factory() as session:
        await add(session, 1, "tea")
        await add(session, 1, "cup")
        await session.commit()
    async with session_factory() as session:
        order = await session.get(Order, 1)
        order.state = "closed"
        await session.flush()
        await session.execute(select(Order.id).where(Order.id == 1).with_for_update())
        await session.commit()


async def main():
    await asyncio.create_task(place_order(), name="order")


if __name__ == "__main__":
    asyncio.run(main())
