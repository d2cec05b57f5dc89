"""An import, all products at once. Each has a savepoint, so that one that fails is skipped and the rest stays."""

from __future__ import annotations

import asyncio

from shop import Product
from shop import new_session
from supplier import ask_price
from supplier import ask_size


async def import_product(session, name):
    size = await ask_size(name)
    try:
        async with session.begin_nested():
            product = Product(name=name, size=size)
            session.add(product)
            await session.flush()
            product.price = await ask_price(name)
    except LookupError:
        return "skipped"
    return "imported"


async def main():
    async with new_session() as session:
        lamp, chair = await asyncio.gather(
            asyncio.create_task(import_product(session, "lamp"), name="lamp"),
            asyncio.create_task(import_product(session, "chair"), name="chair"),
        )
        await session.commit()
    print("lamp", lamp, "- chair", chair)


if __name__ == "__main__":
    asyncio.run(main())
