"""The fix for one engine: dispose of its connections before their loop ends."""

from __future__ import annotations

import asyncio

from models import Job
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


async def work(number):
    async with AsyncSession(engine) as session:
        job = await session.get(Job, number)
        print(job.name)


async def job(number):
    try:
        await work(number)
    finally:
        await engine.dispose()


def main():
    for number in (1, 2):
        asyncio.run(job(number))


if __name__ == "__main__":
    main()
