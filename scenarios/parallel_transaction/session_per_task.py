"""A session for each part: they run at the same time, and each commits for itself. Where one fails, the others stay,
and each sees the price of its own moment.
"""

from __future__ import annotations

import asyncio

from shop import PARTS
from shop import do_part
from shop import new_session
from shop import raise_price
from shop import together


async def do_and_commit(part, order):
    async with new_session() as session:
        await do_part(session, part, order)
        await session.commit()


async def place_order(order):
    await together({part.name: do_and_commit(part, order) for part in PARTS})


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
    )


if __name__ == "__main__":
    asyncio.run(main())
