"""The fix: the query loads what the page will read."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import new_session
from sqlalchemy.orm import selectinload


async def load_customer(number):
    async with new_session() as session:
        return await session.get(Customer, number, options=[selectinload(Customer.orders)])


async def show_orders():
    customer = await load_customer(1)
    return [order.product for order in customer.orders]


async def main():
    await asyncio.create_task(show_orders(), name="page")


if __name__ == "__main__":
    asyncio.run(main())
