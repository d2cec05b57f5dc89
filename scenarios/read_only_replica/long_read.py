"""A report reads from the replica twice, and both must agree. Meanwhile one is sold, and the primary vacuumed."""

from __future__ import annotations

import asyncio

from models import Product
from session import engines
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

one_snapshot = engines["reader"].execution_options(isolation_level="REPEATABLE READ")
at_once = engines["writer"].execution_options(isolation_level="AUTOCOMMIT")


async def report():
    async with AsyncSession(one_snapshot) as session:
        result = await session.execute(select(func.count()).select_from(Product))
        number = result.scalar_one()
        await asyncio.sleep(10)  # it is written down, slowly
        result = await session.execute(select(func.sum(Product.stock)))
        return number, result.scalar_one()


async def sell():
    await asyncio.sleep(1)
    async with at_once.connect() as connection:
        await connection.execute(update(Product).values(stock=Product.stock - 1))
        await connection.execute(text("vacuum product"))


async def main():
    await asyncio.gather(
        asyncio.create_task(report(), name="report"),
        asyncio.create_task(sell(), name="sell"),
    )


if __name__ == "__main__":
    asyncio.run(main())
