"""The fix: each task has a session of its own, with a connection of its own that nobody else commits or closes."""

from __future__ import annotations

import asyncio

from shop import Visit
from shop import new_session
from shop import tell_statistics
from sqlalchemy import insert


async def record_visit(name):
    async with new_session() as session:
        await session.execute(insert(Visit).values(visitor=name))
        await tell_statistics()
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(record_visit("ann"), name="ann"),
        asyncio.create_task(record_visit("ben"), name="ben"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
