"""Prints objects that come and go, so that their addresses are given away again."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


async def some(name):
    for _ in range(8):
        async with AsyncSession(engine) as session:
            await session.execute(text("select repeat('x', 3000), generate_series(1, 40)"))
            print(name, session, session.sync_session, session)


async def main():
    await asyncio.gather(*(some(name) for name in "abc"))
    await engine.dispose()


asyncio.run(main())
