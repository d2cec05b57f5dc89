"""The fix for the one process: what may be given up ends before COMMIT, and a COMMIT once sent is waited for."""

from __future__ import annotations

import asyncio

from shop import Order
from shop import new_session


async def place_order(customer):
    async with new_session() as session:
        session.add(Order(customer=customer))
        await asyncio.wait_for(session.flush(), timeout=1)
        await session.commit()


async def handle(customer):
    for _ in range(9):
        try:
            return await place_order(customer)
        except asyncio.TimeoutError:
            print("it took too long, trying again")
    raise RuntimeError("the database is too slow today")


async def main():
    await asyncio.create_task(handle("ann"), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
