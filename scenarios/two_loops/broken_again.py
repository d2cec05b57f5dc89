"""The worker again; a job that fails is tried once more. The error is now another one, and says nothing of loops."""

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
        for attempt in (1, 2):
            try:
                asyncio.run(work(number))
                break
            except Exception as error:
                print(f"attempt {attempt} at job {number}: {type(error).__name__}")


if __name__ == "__main__":
    main()
