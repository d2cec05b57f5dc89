"""The fix: each task opens a session of its own. The tasks run at once; each is a transaction by itself."""

from __future__ import annotations

import asyncio

from models import User
from models import Visit
from session import session_factory
from sqlalchemy import select


async def record_visit(name):
    async with session_factory() as session:
        result = await session.execute(select(User).where(User.name == name))
        user = result.scalars().one()
        session.add(Visit(visitor=user.name))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(record_visit("ann"), name="ann"),
        asyncio.create_task(record_visit("ben"), name="ben"),
        asyncio.create_task(record_visit("cleo"), name="cleo"),
    )


if __name__ == "__main__":
    asyncio.run(main())
