"""Rows from an async generator that is left early and closed rightly."""

import asyncio
from contextlib import aclosing

from bank import Job
from bank import new_session
from sqlalchemy import select


async def jobs():
    async with new_session() as session:
        found = await session.stream(select(Job.id).order_by(Job.id))
        async for row in found:
            yield row.id


async def first():
    async with aclosing(jobs()) as found:
        async for number in found:
            return number


async def main():
    assert await asyncio.gather(first(), first()) == [1, 1]


if __name__ == "__main__":
    asyncio.run(main())
