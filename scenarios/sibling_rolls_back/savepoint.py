"""The fix that keeps one transaction: one task uses the session, and what may fail has a savepoint to go back to."""

from __future__ import annotations

import asyncio

from services import charge_card
from services import check_coupon
from shop import Order
from shop import Redemption
from shop import new_session
from sqlalchemy.exc import IntegrityError


async def redeem_coupon(session, code):
    try:
        async with session.begin_nested():
            session.add(Redemption(code=code))
    except IntegrityError:
        return "used before"
    return "redeemed"


async def place_order():
    checking = asyncio.create_task(check_coupon("WELCOME"), name="coupon")
    async with new_session() as session:
        order = Order(item="lamp")
        session.add(order)
        await session.flush()
        coupon = await redeem_coupon(session, await checking)
        await charge_card()
        order.paid = True
        await session.commit()
        return coupon


async def main():
    coupon = await asyncio.create_task(place_order(), name="order")
    print("thank you for your order; your coupon was", coupon)


if __name__ == "__main__":
    asyncio.run(main())
