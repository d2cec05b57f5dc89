"""Two runs of a job, of which only one shall be at work at a time: an advisory lock, given back with the session."""

from __future__ import annotations

import asyncio

from app import Note
from app import new_session
from sqlalchemy import text


async def job(name):
    async with new_session() as session:
        await session.execute(text("select pg_advisory_lock(7)"))
        session.add(Note(author=name))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(job("first"), name="first"),
        asyncio.create_task(job("second"), name="second"),
    )


if __name__ == "__main__":
    asyncio.run(main())
