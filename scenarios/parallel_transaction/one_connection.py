"""One connection used in turn: one transaction, one snapshot, one commit."""

from __future__ import annotations

import asyncio

from shop import PARTS
from shop import do_part
from shop import engine
from shop import new_session
from shop import raise_price

one_snapshot = engine.execution_options(isolation_level="REPEATABLE READ")


async def place_order(order):
    async with new_session(bind=one_snapshot) as session:
        for part in PARTS:
            await do_part(session, part, order)
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
    )


if __name__ == "__main__":
    asyncio.run(main())
