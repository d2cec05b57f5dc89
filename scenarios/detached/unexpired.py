"""The fix for objects that go on after the commit: it leaves their values in place."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import new_session


async def rename_customer(number, name):
    async with new_session(expire_on_commit=False) as session:
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
