"""The fix: a session for each task. There is no savepoint any more; a product is a transaction."""

from __future__ import annotations

import asyncio

from shop import Product
from shop import new_session
from supplier import ask_price
from supplier import ask_size


async def import_product(name):
    size = await ask_size(name)
    try:
        async with new_session() as session, session.begin():
            product = Product(name=name, size=size)
            session.add(product)
            await session.flush()
            product.price = await ask_price(name)
    except LookupError:
        return "skipped"
    return "imported"


async def main():
    lamp, chair = await asyncio.gather(
        asyncio.create_task(import_product("lamp"), name="lamp"),
        asyncio.create_task(import_product("chair"), name="chair"),
    )
    print("lamp", lamp, "- chair", chair)


if __name__ == "__main__":
    asyncio.run(main())
