"""Parallel reads on one exported snapshot: the session that writes lends what it sees to others, which read for it."""

from __future__ import annotations

import asyncio

from shop import PARTS
from shop import engine
from shop import new_session
from shop import raise_price
from shop import together
from shop import work_out
from shop import write_down
from sqlalchemy import text

one_snapshot = engine.execution_options(isolation_level="REPEATABLE READ")


async def read_in(snapshot):
    async with new_session(bind=one_snapshot) as session:
        await session.execute(text(f"set transaction snapshot '{snapshot}'"))  # before anything else
        return await work_out(session)


async def place_order(order):
    async with new_session(bind=one_snapshot) as session:
        snapshot = await session.scalar(text("select pg_export_snapshot()"))
        amounts = await together({part.name: read_in(snapshot) for part in PARTS})
        for part, amount in zip(PARTS, amounts):
            await write_down(session, part, order, amount)
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
    )


if __name__ == "__main__":
    asyncio.run(main())
