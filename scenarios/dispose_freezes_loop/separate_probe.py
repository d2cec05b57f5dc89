"""The fix without an upgrade, for a service that needs no dispose(): check with an engine that is only for that."""

from __future__ import annotations

import asyncio

from models import Setting
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

URL = "postgresql+asyncpg://app:app@db.internal/app"

engine = create_async_engine(URL)


async def start_up():
    # Disposed of with its only connection; nobody uses it again. The application's own engine has not connected yet.
    probe = create_async_engine(URL, poolclass=NullPool)
    async with probe.connect() as connection:
        await connection.execute(text("select 1"))
    await probe.dispose()


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
