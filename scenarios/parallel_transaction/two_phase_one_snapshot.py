"""Two-phase commit on one exported snapshot: parallel, all or nothing, and every part sees the same data."""

from __future__ import annotations

import asyncio

from shop import PARTS
from shop import engine
from shop import new_session
from shop import raise_price
from shop import together
from sqlalchemy import text
from two_phase import decide
from two_phase import prepare
from two_phase import recover
from two_phase import settle

one_snapshot = engine.execution_options(isolation_level="REPEATABLE READ")


async def do_and_prepare(part, order, snapshot):
    async with new_session(bind=one_snapshot) as session:
        await session.execute(text(f"set transaction snapshot '{snapshot}'"))  # before anything else
        await prepare(session, part, order)


async def place_order(order):
    try:
        async with new_session(bind=one_snapshot) as lender:  # who has lent a snapshot cannot be prepared itself
            snapshot = await lender.scalar(text("select pg_export_snapshot()"))
            await together({part.name: do_and_prepare(part, order, snapshot) for part in PARTS})
        await decide(order)
    finally:
        await settle(order)


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
        return_exceptions=True,
    )
    await asyncio.create_task(recover(), name="recovery")


if __name__ == "__main__":
    asyncio.run(main())
