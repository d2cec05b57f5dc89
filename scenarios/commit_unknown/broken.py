"""Placing an order may take a second. If it takes longer it is tried again."""

from __future__ import annotations

import asyncio

from shop import Order
from shop import new_session


async def place_order(customer):
    async with new_session() as session:
        session.add(Order(customer=customer))
        await session.commit()


async def handle(customer):
    for _ in range(2):
        try:
            return await asyncio.wait_for(place_order(customer), timeout=1)
        except asyncio.TimeoutError:
            print("it took too long, trying again")
    raise RuntimeError("the database is too slow today")


async def main():
    await asyncio.create_task(handle("ann"), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
