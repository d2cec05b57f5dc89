"""Two patients are counted at once, at REPEATABLE READ. Both count up the same row, from what they have read."""

from __future__ import annotations

import asyncio

from clinic import engine
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

repeatable = engine.execution_options(isolation_level="REPEATABLE READ")


async def count_patient():
    async with AsyncSession(repeatable) as session:
        await session.execute(text("select patients from today"))
        await session.execute(text("update today set patients = patients + 1"))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(count_patient(), name="first"),
        asyncio.create_task(count_patient(), name="second"),
    )


if __name__ == "__main__":
    asyncio.run(main())
