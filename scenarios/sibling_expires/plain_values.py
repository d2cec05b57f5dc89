"""The fix that keeps one session: tasks beside it get plain values, not objects that a commit can empty."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import Visit
from shop import new_session
from weather import ask_weather


async def greet(name):
    weather = await ask_weather()
    return f"Hello {name}, it is {weather} today"


async def main():
    async with new_session() as session:
        customer = await session.get(Customer, 1)
        greeting = asyncio.create_task(greet(customer.name), name="greet")
        session.add(Visit(customer_id=customer.id))
        await session.commit()
    print(await greeting)


if __name__ == "__main__":
    asyncio.run(main())
