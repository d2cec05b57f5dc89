"""A request says whose data it works with, as the row level security wants it; a guest's request says nothing."""

from __future__ import annotations

import asyncio

from app import Note
from app import new_session
from sqlalchemy import text


async def tenants_request(tenant):
    async with new_session() as session:
        await session.execute(text("select set_config('app.tenant', :tenant, false)"), {"tenant": tenant})
        session.add(Note(author=tenant))
        await session.commit()


async def guests_request():
    async with new_session() as session:
        session.add(Note(author="guest"))
        await session.commit()


async def main():
    await asyncio.create_task(tenants_request("ann"), name="ann")
    await asyncio.create_task(guests_request(), name="guest")


if __name__ == "__main__":
    asyncio.run(main())
