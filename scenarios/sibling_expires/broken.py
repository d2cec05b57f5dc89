"""A page greets the customer and notes the visit, both at once, both with the request's session."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import Visit
from shop import new_session
from weather import ask_weather


async def greet(customer):
    weather = await ask_weather()
    return f"Hello {customer.name}, it is {weather} today"


async def note_visit(session, customer):
    session.add(Visit(customer_id=customer.id))
    await session.commit()


async def main():
    async with new_session() as session:
        customer = await session.get(Customer, 1)
        greeting, _ = await asyncio.gather(
            asyncio.create_task(greet(customer), name="greet"),
            asyncio.create_task(note_visit(session, customer), name="visit"),
        )
    print(greeting)


if __name__ == "__main__":
    asyncio.run(main())
