"""An order and its invoice in one session, one commit. Who is no customer is refused."""

from __future__ import annotations

import asyncio

from models import Invoice
from models import Order
from session import session_factory
from sqlalchemy.exc import IntegrityError


async def place_order(number, customer):
    async with session_factory() as session:
        session.add(Order(id=number, customer=customer))
        session.add(Invoice(order_id=number, customer=customer))
        try:
            await session.commit()
        except IntegrityError:
            return "refused"
        return "placed"


async def main():
    await asyncio.create_task(place_order(1, "bob"), name="bob")
    await asyncio.create_task(place_order(2, "ann"), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
