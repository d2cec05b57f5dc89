"""The fix: each task has a session of its own; what fails in it is nobody else's business."""

from __future__ import annotations

import asyncio

from shop import Coupon
from shop import Customer
from shop import new_session
from sqlalchemy.exc import IntegrityError
from weather import ask_weather


async def redeem_coupon():
    async with new_session() as session:
        session.add(Coupon(code="WELCOME"))
        try:
            await session.commit()
        except IntegrityError:
            return "used before"
        return "redeemed"


async def greet():
    weather = await ask_weather()
    async with new_session() as session:
        customer = await session.get(Customer, 1)
        return f"Hello {customer.name}, it is {weather} today"


async def main():
    coupon, greeting = await asyncio.gather(
        asyncio.create_task(redeem_coupon(), name="coupon"),
        asyncio.create_task(greet(), name="greet"),
    )
    print(greeting, "- your coupon was", coupon)


if __name__ == "__main__":
    asyncio.run(main())
