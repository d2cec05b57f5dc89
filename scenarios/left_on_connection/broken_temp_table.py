"""A request collects in a temporary table what it will note down. The next one finds the table, and what is in it."""

from __future__ import annotations

import asyncio

from app import new_session
from sqlalchemy import text


async def note_down(author):
    async with new_session() as session:
        await session.execute(text("create temp table if not exists draft (author text)"))
        await session.execute(text("insert into draft values (:author)"), {"author": author})
        await session.execute(text("insert into note (author) select author from draft"))
        await session.commit()


async def main():
    await asyncio.create_task(note_down("first"), name="first")
    await asyncio.create_task(note_down("second"), name="second")


if __name__ == "__main__":
    asyncio.run(main())
