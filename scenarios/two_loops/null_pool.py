"""The fix where loops come and go: keep no connections (NullPool)."""

from __future__ import annotations

import asyncio

from models import Job
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", poolclass=NullPool)


async def work(number):
    async with AsyncSession(engine) as session:
        job = await session.get(Job, number)
        print(job.name)


def main():
    for number in (1, 2):
        asyncio.run(work(number))


if __name__ == "__main__":
    main()
