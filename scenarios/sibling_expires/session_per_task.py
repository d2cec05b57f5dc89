"""The fix: the task that commits has a session of its own, with nothing in it that belongs to others."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import Visit
from shop import new_session
from weather import ask_weather


async def greet(customer):
    weather = await ask_weather()
    return f"Hello {customer.name}, it is {weather} today"


async def note_visit(customer_id):
    async with new_session() as session:
        session.add(Visit(customer_id=customer_id))
        await session.commit()


async def main():
    async with new_session() as session:
        customer = await session.get(Customer, 1)
        greeting, _ = await asyncio.gather(
            asyncio.create_task(greet(customer), name="greet"),
            asyncio.create_task(note_visit(customer.id), name="visit"),
        )
    print(greeting)


if __name__ == "__main__":
    asyncio.run(main())
