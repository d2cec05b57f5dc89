"""A worker that is not asyncio itself: it runs each job's coroutine with asyncio.run(), one after the other."""

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


def main():
    for number in (1, 2):
        asyncio.run(work(number))


if __name__ == "__main__":
    main()
