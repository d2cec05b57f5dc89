"""The fix without an upgrade: open one connection by itself before anything runs at once."""

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
    # The new pool's first connection is made here, by one task, while no other can come in between.
    async with engine.connect():
        pass


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
