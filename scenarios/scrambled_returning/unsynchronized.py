"""Another way round it: do not have the session's objects brought up to date, where it has none that would need it."""

from __future__ import annotations

import asyncio

from shop import Item
from shop import Shown
from shop import new_session
from sqlalchemy import func
from sqlalchemy import update


async def rename(sku, name):
    async with new_session() as session:
        renaming = update(Item).where(func.upper(Item.sku) == sku).values(name=name).returning(Item.place, Item.name)
        result = await session.execute(renaming, execution_options={"synchronize_session": False})
        item = result.one()
        session.add(Shown(item=sku, name=item.name, place=item.place))
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(rename("L1", "LAMP"), name="lamp"),
        asyncio.create_task(rename("C1", "CHAIR"), name="chair"),
        asyncio.create_task(rename("T1", "TABLE"), name="table"),
    )


if __name__ == "__main__":
    asyncio.run(main())
