"""Results streamed to their end, each in a session of its own."""

import asyncio

from bank import Job
from bank import new_session
from sqlalchemy import select


async def read():
    async with new_session() as session:
        found = await session.stream(select(Job.id).order_by(Job.id))
        return [row.id async for row in found]


async def main():
    assert await asyncio.gather(read(), read()) == [[1, 2, 3, 4]] * 2


if __name__ == "__main__":
    asyncio.run(main())
