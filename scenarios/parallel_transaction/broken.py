"""An order's three parts at once, all through the session of the request."""

from __future__ import annotations

import asyncio

from shop import PARTS
from shop import do_part
from shop import new_session
from shop import raise_price


async def place_order(order):
    async with new_session() as session:
        await asyncio.gather(*[do_part(session, part, order) for part in PARTS])
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
    )


if __name__ == "__main__":
    asyncio.run(main())
