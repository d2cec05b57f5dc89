"""Stream the orders into a file, and count them meanwhile for the progress bar, with the same session."""

from __future__ import annotations

import asyncio

from shop import Order
from shop import new_session
from sqlalchemy import func
from sqlalchemy import select


async def export(session):
    result = await session.stream(select(Order.id).order_by(Order.id).execution_options(yield_per=2))
    return [row.id async for row in result]


async def count(session):
    result = await session.execute(select(func.count()).select_from(Order))
    return result.scalar_one()


async def main():
    async with new_session() as session:
        await session.connection()
        await asyncio.gather(
            asyncio.create_task(export(session), name="export"),
            asyncio.create_task(count(session), name="count"),
        )


if __name__ == "__main__":
    asyncio.run(main())
