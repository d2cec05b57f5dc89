"""The application's tables and its database, and the unit of work: an order has three parts, a query and a row each."""

from __future__ import annotations

import asyncio

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")
new_session = sessionmaker(engine, class_=AsyncSession)

metadata = MetaData()
price = Table("price", metadata, Column("item", String, primary_key=True), Column("amount", Integer))
PARTS = [
    Table(name, metadata, Column("order_id", Integer, primary_key=True), Column("amount", Integer))
    for name in ("shipment", "payment", "points")
]


async def work_out(session):
    """The slow half of a part: what it comes to."""
    return await session.scalar(select(func.price_of("lamp")))


async def write_down(session, part, order, amount):
    """The other half: its row."""
    await session.execute(insert(part).values(order_id=order, amount=amount))


async def do_part(session, part, order):
    await write_down(session, part, order, await work_out(session))


async def together(work):
    """Do it at the same time, by name. Waits for all, also when one fails: nobody is left at work behind our back."""
    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


async def raise_price():
    """Somebody else's work, at the same time."""
    async with new_session() as session:
        await session.execute(update(price).values(amount=40))
        await session.commit()
