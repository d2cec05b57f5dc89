"""Two-phase commit over a connection for each part, and the recovery that it cannot do without. Each part sees the
price of its own moment.

First every part is prepared: from then on it can be committed or rolled back by anybody, even after a crash. Then it is
written down that the order is placed. Whoever finds prepared parts of an order, now or later, ends them as written
down; and who finds nothing there writes down that it is not placed, so that nobody can decide otherwise any more.
"""

from __future__ import annotations

import asyncio

from shop import PARTS
from shop import do_part
from shop import engine
from shop import new_session
from shop import raise_price
from shop import together
from sqlalchemy import text

at_once = engine.execution_options(isolation_level="AUTOCOMMIT")

DECIDE = text("insert into decision values (:order, true)")
GIVE_UP = text("insert into decision values (:order, false) on conflict do nothing")
DECIDED = text("select placed from decision where order_id = :order")
PREPARED = text(
    "select gid from pg_prepared_xacts where database = current_database() and gid like :names order by gid"
)


async def prepare(session, part, order):
    await do_part(session, part, order)
    await session.execute(text(f"prepare transaction 'order-{order}-{part.name}'"))


async def do_and_prepare(part, order):
    async with new_session() as session:
        await prepare(session, part, order)


async def decide(order):
    async with at_once.connect() as connection:
        await connection.execute(DECIDE, {"order": order})


async def settle(order):
    """End what is prepared of an order: commit it if the order is placed, else roll it back."""
    async with at_once.connect() as connection:
        await connection.execute(GIVE_UP, {"order": order})
        placed = await connection.scalar(DECIDED, {"order": order})
        for name in (await connection.scalars(PREPARED, {"names": f"order-{order}-%"})).all():
            await connection.execute(text(f"{'commit' if placed else 'rollback'} prepared '{name}'"))


async def place_order(order):
    try:
        await together({part.name: do_and_prepare(part, order) for part in PARTS})
        await decide(order)
    finally:
        await settle(order)


async def recover():
    """End what crashed processes have left prepared. May be run at any time, and has to be, again and again."""
    async with at_once.connect() as connection:
        left = (await connection.scalars(PREPARED, {"names": "order-%"})).all()
    for order in sorted({int(name.split("-")[1]) for name in left}):
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
