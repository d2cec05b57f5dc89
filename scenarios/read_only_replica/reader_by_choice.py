"""The fix that turns it round: everything goes to the writer, but for sessions that are opened to look only."""

from __future__ import annotations

import asyncio

from models import Product
from session import engines
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import sessionmaker

working = sessionmaker(engines["writer"], class_=AsyncSession)
looking = sessionmaker(engines["reader"], class_=AsyncSession)


async def visit():
    async with working() as session:
        await session.execute(text("insert into visit (product_id) values (1)"))
        await session.commit()


async def sell():
    async with working() as session:
        result = await session.execute(select(Product).where(Product.id == 1).with_for_update())
        result.scalar_one().stock -= 1
        await session.commit()


async def draw_ticket():
    async with working() as session:
        result = await session.execute(select(func.nextval("ticket")))
        return result.scalar_one()


async def list_products():
    async with looking() as session:
        result = await session.execute(select(Product.name).order_by(Product.id))
        return result.scalars().all()


async def main():
    await asyncio.gather(
        asyncio.create_task(visit(), name="visit"),
        asyncio.create_task(sell(), name="sell"),
        asyncio.create_task(draw_ticket(), name="ticket"),
        asyncio.create_task(list_products(), name="list"),
    )


if __name__ == "__main__":
    asyncio.run(main())
