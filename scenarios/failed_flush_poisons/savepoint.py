"""The fix that keeps one session: one task uses it, and what may fail has a savepoint to go back to."""

from __future__ import annotations

import asyncio

from shop import Coupon
from shop import Customer
from shop import new_session
from sqlalchemy.exc import IntegrityError
from weather import ask_weather


async def redeem_coupon(session):
    try:
        async with session.begin_nested():
            session.add(Coupon(code="WELCOME"))
    except IntegrityError:
        return "used before"
    return "redeemed"


async def main():
    weather = asyncio.create_task(ask_weather(), name="weather")
    async with new_session() as session:
        coupon = await redeem_coupon(session)
        customer = await session.get(Customer, 1)
        greeting = f"Hello {customer.name}, it is {await weather} today"
        await session.commit()
    print(greeting, "- your coupon was", coupon)


if __name__ == "__main__":
    asyncio.run(main())
