"""The fix at the pool: what comes back is cleaned, whatever was done with it. asyncpg has a method for that."""

from __future__ import annotations

import asyncio

from app import Note
from app import engine
from app import new_session
from sqlalchemy import event
from sqlalchemy import text


@event.listens_for(engine.sync_engine, "reset")
def clean(connection, record, state=None):
    if state is not None and state.terminate_only:  # 2.0: it is not going back, and nothing can be awaited here
        return
    connection.rollback()
    connection.run_async(lambda driver_connection: driver_connection.reset())


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
