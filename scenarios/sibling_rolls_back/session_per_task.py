"""The fix: each task has a session of its own, and its rollback undoes what it did itself."""

from __future__ import annotations

import asyncio

from services import charge_card
from services import check_coupon
from shop import Order
from shop import Redemption
from shop import new_session
from sqlalchemy.exc import IntegrityError


async def place_order():
    async with new_session() as session:
        order = Order(item="lamp")
        session.add(order)
        await session.flush()
        await charge_card()
        order.paid = True
        await session.commit()


async def redeem_coupon():
    async with new_session() as session:
        session.add(Redemption(code=await check_coupon("WELCOME")))
        try:
            await session.commit()
        except IntegrityError:
            await session.rollback()
            return "used before"
        return "redeemed"


async def main():
    _, coupon = await asyncio.gather(
        asyncio.create_task(place_order(), name="order"),
        asyncio.create_task(redeem_coupon(), name="coupon"),
    )
    print("thank you for your order; your coupon was", coupon)


if __name__ == "__main__":
    asyncio.run(main())
