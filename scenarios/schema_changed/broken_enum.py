"""The same service, and a migration that drops an enum and creates it again, with other values."""

from __future__ import annotations

import asyncio

from shop import URL
from shop import new_session
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


async def count(state):
    async with new_session() as session:
        query = text("select count(*) from item where state = cast(:state as state)")
        result = await session.execute(query, {"state": state})
        return result.scalar_one()


async def migrate():
    async with create_async_engine(URL, poolclass=NullPool).begin() as connection:
        await connection.execute(text("alter table item alter column state type text"))
        await connection.execute(text("drop type state"))
        await connection.execute(text("create type state as enum ('available', 'sold out')"))
        await connection.execute(text("update item set state = 'available' where state = 'on sale'"))
        await connection.execute(text("alter table item alter column state type state using state::state"))


async def main():
    await asyncio.create_task(count("sold out"), name="before")
    await asyncio.create_task(migrate(), name="migration")
    await asyncio.create_task(count("sold out"), name="after")


if __name__ == "__main__":
    asyncio.run(main())
