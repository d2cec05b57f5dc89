"""Two tasks of a request record a visit each, at once, both with the request's session; each commits what it did."""

from __future__ import annotations

import asyncio

from shop import Visit
from shop import new_session
from shop import tell_statistics
from sqlalchemy import insert


async def record_visit(session, name):
    await session.execute(insert(Visit).values(visitor=name))
    await tell_statistics()
    await session.commit()


async def main():
    async with new_session() as session:
        await asyncio.gather(
            asyncio.create_task(record_visit(session, "ann"), name="ann"),
            asyncio.create_task(record_visit(session, "ben"), name="ben"),
            return_exceptions=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
