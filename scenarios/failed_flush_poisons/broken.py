"""A page redeems a coupon and greets the customer, both at once, both with the request's session."""

from __future__ import annotations

import asyncio

from shop import Coupon
from shop import Customer
from shop import new_session
from sqlalchemy.exc import IntegrityError
from weather import ask_weather


async def redeem_coupon(session):
    session.add(Coupon(code="WELCOME"))
    try:
        await session.flush()
    except IntegrityError:
        return "used before"
    return "redeemed"


async def greet(session):
    weather = await ask_weather()
    customer = await session.get(Customer, 1)
    return f"Hello {customer.name}, it is {weather} today"


async def main():
    async with new_session() as session:
        coupon, greeting = await asyncio.gather(
            asyncio.create_task(redeem_coupon(session), name="coupon"),
            asyncio.create_task(greet(session), name="greet"),
        )
        await session.commit()
    print(greeting, "- your coupon was", coupon)


if __name__ == "__main__":
    asyncio.run(main())
