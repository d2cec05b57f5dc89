"""The fix that keeps one transaction: the supplier is asked at once, the savepoints come one after the other."""

from __future__ import annotations

import asyncio

from shop import Product
from shop import new_session
from supplier import ask_price
from supplier import ask_size


async def ask(name):
    try:
        return await ask_size(name), await ask_price(name)
    except LookupError:
        return None


async def main():
    names = "lamp", "chair"
    answers = await asyncio.gather(*(asyncio.create_task(ask(name), name=f"ask {name}") for name in names))
    async with new_session() as session:
        for name, answer in zip(names, answers):
            if answer is None:
                print(name, "skipped")
                continue
            size, price = answer
            async with session.begin_nested():
                session.add(Product(name=name, size=size, price=price))
            print(name, "imported")
        await session.commit()


if __name__ == "__main__":
    asyncio.run(main())
