"""One statement: the server does all of it, within one snapshot."""

from __future__ import annotations

import asyncio

from shop import new_session
from shop import raise_price
from sqlalchemy import text

PLACE_ORDER = text(
    """
    with shipped as (insert into shipment select :order, price_of('lamp')),
         paid as (insert into payment select :order, price_of('lamp'))
    insert into points select :order, price_of('lamp')
    """
)


async def place_order(order):
    async with new_session() as session:
        await session.execute(PLACE_ORDER, {"order": order})
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(place_order(1), name="order"),
        asyncio.create_task(raise_price(), name="price"),
    )


if __name__ == "__main__":
    asyncio.run(main())
