"""Three ways to write that do not look like it: a text, a query that locks, a function."""

from __future__ import annotations

import asyncio

from models import Product
from session import session_factory
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import text


async def visit():
    async with session_factory() as session:
        await session.execute(text("insert into visit (product_id) values (1)"))
        await session.commit()


async def sell():
    async with session_factory() as session:
        result = await session.execute(select(Product).where(Product.id == 1).with_for_update())
        result.scalar_one().stock -= 1
        await session.commit()


async def draw_ticket():
    async with session_factory() as session:
        result = await session.execute(select(func.nextval("ticket")))
        return result.scalar_one()


async def main():
    await asyncio.gather(
        asyncio.create_task(visit(), name="visit"),
        asyncio.create_task(sell(), name="sell"),
        asyncio.create_task(draw_ticket(), name="ticket"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
