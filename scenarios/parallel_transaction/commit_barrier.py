"""A session for each part, and a barrier: nobody commits before every part has succeeded. Who dies between the first
COMMIT and the last leaves a part of an order, and each part sees the price of its own moment.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from shop import PARTS
from shop import do_part
from shop import new_session
from shop import raise_price
from shop import together


async def place_order(order):
    async with AsyncExitStack() as stack:  # whoever has not committed when it ends is rolled back
        sessions = {part: await stack.enter_async_context(new_session()) for part in PARTS}
        await together({part.name: do_part(session, part, order) for part, session in sessions.items()})
        for session in sessions.values():
            await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
    )


if __name__ == "__main__":
    asyncio.run(main())
