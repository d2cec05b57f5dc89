"""A report reads from the replica, and takes its time over it. Meanwhile, a migration on the primary."""

from __future__ import annotations

import asyncio

from models import Product
from session import engines
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def report():
    async with AsyncSession(engines["reader"]) as session:
        result = await session.execute(select(func.count()).select_from(Product))
        number = result.scalar_one()
        await asyncio.sleep(10)  # it is written down, slowly
        result = await session.execute(select(func.sum(Product.stock)))
        return number, result.scalar_one()


async def migrate():
    await asyncio.sleep(1)
    async with engines["writer"].begin() as connection:
        await connection.execute(text("alter table product add column note text"))


async def main():
    await asyncio.gather(
        asyncio.create_task(report(), name="report"),
        asyncio.create_task(migrate(), name="migration"),
    )


if __name__ == "__main__":
    asyncio.run(main())
