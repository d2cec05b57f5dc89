"""A customer is renamed and handed back. The page reads only the name, and the commit has emptied the object."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import new_session


async def rename_customer(number, name):
    async with new_session() as session:
        customer = await session.get(Customer, number)
        customer.name = name
        await session.commit()
        return customer


async def show_name():
    customer = await rename_customer(1, "anna")
    return customer.name


async def main():
    await asyncio.create_task(show_name(), name="page")


if __name__ == "__main__":
    asyncio.run(main())
