"""The same import, when the sizes are known: both tasks set their savepoints at the same moment."""

from __future__ import annotations

import asyncio

from shop import Product
from shop import new_session
from supplier import ask_price


async def import_product(session, name):
    try:
        async with session.begin_nested():
            product = Product(name=name, size=1)
            session.add(product)
            await session.flush()
            product.price = await ask_price(name)
    except LookupError:
        return "skipped"
    return "imported"


async def main():
    async with new_session() as session:
        await session.connection()
        outcomes = await asyncio.gather(
            asyncio.create_task(import_product(session, "lamp"), name="lamp"),
            asyncio.create_task(import_product(session, "chair"), name="chair"),
            return_exceptions=True,
        )
        await session.commit()
    for name, outcome in zip(("lamp", "chair"), outcomes):
        print(name, "failed" if isinstance(outcome, Exception) else outcome)


if __name__ == "__main__":
    asyncio.run(main())
