"""The fix: the permission is asked for at the same time, but only one task ever touches the session."""

from __future__ import annotations

import asyncio

from shop import Item
from shop import check_permission
from shop import new_session
from sqlalchemy import update


async def raise_prices(session):
    await session.execute(update(Item).values(price=Item.price * 2).execution_options(synchronize_session=False))


async def change_prices():
    asking = asyncio.create_task(check_permission(), name="authorise")
    async with new_session() as session:
        await raise_prices(session)
        if await asking:
            await session.commit()
        else:
            await session.rollback()


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
