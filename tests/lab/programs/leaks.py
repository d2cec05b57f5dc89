"""Closes nothing: a session is dropped with its connection checked out and its transaction open."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:secret@db.internal/app")


async def forgets():
    session = AsyncSession(engine)
    await session.execute(text("update account set balance = 0 where id = 2"))


async def main():
    await forgets()
    await asyncio.sleep(1)


asyncio.run(main())
