"""The fix: a transaction that fails for this reason is run again, once; the driver's caches are clean by then."""

from __future__ import annotations

import asyncio

from shop import URL
from shop import Item
from shop import new_session
from sqlalchemy import text
from sqlalchemy.exc import InternalError
from sqlalchemy.exc import NotSupportedError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


async def again(work):
    try:
        return await work()
    except (NotSupportedError, InternalError):  # what a prepared statement was planned for has changed, or is gone
        return await work()


async def show_price():
    async with new_session() as session:
        item = await session.get(Item, 1)
        return item.price


async def migrate():
    async with create_async_engine(URL, poolclass=NullPool).begin() as connection:
        await connection.execute(text("alter table item alter column price type bigint"))


async def main():
    await asyncio.create_task(again(show_price), name="before")
    await asyncio.create_task(migrate(), name="migration")
    await asyncio.create_task(again(show_price), name="after")


if __name__ == "__main__":
    asyncio.run(main())
