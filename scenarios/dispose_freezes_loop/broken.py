"""A worker looks whether its database is there, lets go of that connection, and begins to serve."""

from __future__ import annotations

import asyncio

from models import Setting
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


async def start_up():
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
    # Forked workers must not share a connection: from here on, each opens its own.
    await engine.dispose()


async def read_setting(number):
    async with AsyncSession(engine) as session:
        setting = await session.get(Setting, number)
        return setting.name


async def main():
    await start_up()
    await asyncio.gather(
        asyncio.create_task(read_setting(1), name="first"),
        asyncio.create_task(read_setting(2), name="second"),
    )


if __name__ == "__main__":
    asyncio.run(main())
