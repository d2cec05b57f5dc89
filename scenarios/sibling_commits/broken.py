"""One request places an order and notes the visit, both at once, both with the request's session."""

from __future__ import annotations

import asyncio

from services import charge_card
from services import find_country
from shop import Order
from shop import Visit
from shop import new_session


async def place_order(session):
    order = Order(item="lamp")
    session.add(order)
    await session.flush()
    if not await charge_card():
        await session.rollback()
        return "declined"
    order.paid = True
    await session.commit()
    return "placed"


async def note_visit(session):
    session.add(Visit(country=await find_country()))
    await session.commit()


async def main():
    async with new_session() as session:
        answer, _ = await asyncio.gather(
            asyncio.create_task(place_order(session), name="order"),
            asyncio.create_task(note_visit(session), name="visit"),
        )
    print("the order was", answer)


if __name__ == "__main__":
    asyncio.run(main())
