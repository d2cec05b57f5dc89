"""Prints sessions that come one after the other."""

import asyncio
import logging

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")
log = logging.getLogger("app")
kept = []


class Order:
    pass


async def serve(number):
    for turn in range(4):
        async with AsyncSession(engine) as session:
            await session.execute(text(f"select {number}"))
            print(number, turn, session, session.sync_session)
            order = Order()
            log.warning("order %r", order)
            kept.append(object() if turn % 2 else [])
            print(Order())


async def main():
    await asyncio.gather(*(serve(number) for number in range(4)))
    await engine.dispose()


asyncio.run(main())
