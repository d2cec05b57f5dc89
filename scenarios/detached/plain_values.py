"""The fix that cannot be forgotten: what leaves the session is plain data."""

from __future__ import annotations

import asyncio

from shop import Customer
from shop import new_session
from sqlalchemy.orm import selectinload


async def orders_of(number):
    async with new_session() as session:
        customer = await session.get(Customer, number, options=[selectinload(Customer.orders)])
        return [order.product for order in customer.orders]


async def main():
    await asyncio.create_task(orders_of(1), name="page")


if __name__ == "__main__":
    asyncio.run(main())
