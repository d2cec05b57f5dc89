"""The fix that keeps one session: what is slow runs beside it, but only one task ever touches the session."""

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


async def main():
    country = asyncio.create_task(find_country(), name="country")
    async with new_session() as session:
        answer = await place_order(session)
        session.add(Visit(country=await country))
        await session.commit()
    print("the order was", answer)


if __name__ == "__main__":
    asyncio.run(main())
