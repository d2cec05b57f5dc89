"""The fix at the statement: the setting holds for this transaction only (SET LOCAL, or set_config's last argument)."""

from __future__ import annotations

import asyncio

from app import Note
from app import new_session
from sqlalchemy import text


async def tenants_request(tenant):
    async with new_session() as session:
        await session.execute(text("select set_config('app.tenant', :tenant, true)"), {"tenant": tenant})
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
