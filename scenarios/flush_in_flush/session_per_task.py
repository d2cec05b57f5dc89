"""The fix for items that do not belong together: each task has a session, and so a transaction, of its own."""

from __future__ import annotations

import asyncio

from shop import Line
from shop import new_session


async def add_line(customer_id, item):
    async with new_session() as session:
        line = Line(customer_id=customer_id, item=item)
        session.add(line)
        await session.flush()
        number = line.id
        await session.commit()
        return number


async def main():
    numbers = await asyncio.gather(
        asyncio.create_task(add_line(1, "lamp"), name="lamp"),
        asyncio.create_task(add_line(1, "chair"), name="chair"),
        return_exceptions=True,
    )
    for item, number in zip(("lamp", "chair"), numbers):
        print(item, "could not be added" if isinstance(number, Exception) else f"is number {number}")


if __name__ == "__main__":
    asyncio.run(main())
