"""The fix without two-phase commit: what billing has to know is committed with the order, and delivered afterwards."""

from __future__ import annotations

import asyncio

from models import Invoice
from models import Order
from models import Payable
from session import session_factory
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError


async def place_order(number, customer):
    async with session_factory() as session:
        session.add(Order(id=number, customer=customer))
        session.add(Payable(order_id=number, customer=customer))
        try:
            await session.commit()
        except IntegrityError:
            return "refused"
        return "placed"


async def deliver():
    """What a worker does again and again. An invoice may be there already: the worker may have died in between."""
    async with session_factory() as session:
        due = (await session.execute(select(Payable).order_by(Payable.order_id))).scalars().all()
    for payable in due:
        async with session_factory() as session:
            await session.merge(Invoice(order_id=payable.order_id, customer=payable.customer))
            await session.commit()
        async with session_factory() as session:
            await session.delete(payable)
            await session.commit()


async def main():
    await asyncio.create_task(place_order(1, "bob"), name="bob")
    await asyncio.create_task(place_order(2, "ann"), name="ann")
    await asyncio.create_task(deliver(), name="worker")


if __name__ == "__main__":
    asyncio.run(main())
