"""Two items of one order, added at once; each is flushed, because its number is wanted."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import Line
from shop import new_session


async def add_line(session, customer, item):
    line = Line(customer_id=customer.id, item=item)
    session.add(line)
    await session.flush()
    return line.id


async def main():
    async with new_session() as session:
        customer = await session.get(Customer, 1)
        numbers = await asyncio.gather(
            asyncio.create_task(add_line(session, customer, "lamp"), name="lamp"),
            asyncio.create_task(add_line(session, customer, "chair"), name="chair"),
            return_exceptions=True,
        )
        await session.commit()
    for item, number in zip(("lamp", "chair"), numbers):
        print(item, "could not be added" if isinstance(number, Exception) else f"is number {number}")


if __name__ == "__main__":
    asyncio.run(main())
