"""A repository loads a customer and closes its session; the page is rendered afterwards, and lists the orders."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import new_session


async def load_customer(number):
    async with new_session() as session:
        return await session.get(Customer, number)


async def show_orders():
    customer = await load_customer(1)
    return [order.product for order in customer.orders]


async def main():
    await asyncio.create_task(show_orders(), name="page")


if __name__ == "__main__":
    asyncio.run(main())
