"""A block commits while a savepoint within it is still open."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine


async def main():
    engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")
    async with AsyncSession(engine) as session, session.begin():
        await session.begin_nested()
        await session.execute(text("select 1"))


asyncio.run(main())
