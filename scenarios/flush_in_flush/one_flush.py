"""The fix: add them all, flush once. Every number is there afterwards; on one connection, sending
them at the same time would gain nothing."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import Line
from shop import new_session


async def main():
    async with new_session() as session:
        customer = await session.get(Customer, 1)
        lines = [Line(customer_id=customer.id, item=item) for item in ("lamp", "chair")]
        session.add_all(lines)
        await session.flush()
        numbered = [(line.item, line.id) for line in lines]
        await session.commit()
    for item, number in numbered:
        print(item, f"is number {number}")


if __name__ == "__main__":
    asyncio.run(main())
