"""The fix for this case: a statement that does not fail (INSERT ... ON CONFLICT DO NOTHING)."""

from __future__ import annotations

import asyncio

from models import Signup
from models import Tag
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


async def ensure_tag(session, name):
    await session.execute(insert(Tag).values(name=name).on_conflict_do_nothing())


async def sign_up(name):
    async with AsyncSession(engine) as session:
        await session.execute(insert(Signup).values(name=name))
        await ensure_tag(session, "newsletter")
        await session.commit()


async def main():
    await asyncio.create_task(sign_up("ann"), name="ann")


if __name__ == "__main__":
    asyncio.run(main())
