"""No cure for Ann, but protection for the others: a poisoned connection is never handed out."""

from __future__ import annotations

import asyncio

from shop import Item
from shop import check_permission
from shop import engine
from shop import new_session
from sqlalchemy import event
from sqlalchemy import update
from sqlalchemy.exc import DisconnectionError


@event.listens_for(engine.sync_engine, "checkout")
def refuse_open_transactions(dbapi_connection, connection_record, connection_proxy):
    """A connection fresh from the pool has no transaction. One that has is thrown away; the pool brings another."""
    if dbapi_connection.driver_connection.is_in_transaction():
        raise DisconnectionError("it was returned to the pool inside a transaction")


async def raise_prices(session):
    await session.execute(update(Item).values(price=Item.price * 2).execution_options(synchronize_session=False))


async def authorise(session):
    allowed = await check_permission()
    if not allowed:
        await session.rollback()
    return allowed


async def change_prices():
    async with new_session() as session:
        _, allowed = await asyncio.gather(
            asyncio.create_task(raise_prices(session), name="raise prices"),
            asyncio.create_task(authorise(session), name="authorise"),
            return_exceptions=True,
        )
        if allowed is True:
            await session.commit()


async def look(item_id):
    async with new_session() as session:
        item = await session.get(Item, item_id)
        return item.price


async def main():
    await asyncio.create_task(change_prices(), name="ann")
    await asyncio.wait([asyncio.create_task(look(1), name="ben")])
    await asyncio.wait([asyncio.create_task(look(2), name="cleo")])


if __name__ == "__main__":
    asyncio.run(main())
