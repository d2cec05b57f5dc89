"""Send the invoice of each order. They are many, so they are streamed; each is committed as soon as it is done."""

from __future__ import annotations

import asyncio

from shop import Order
from shop import new_session
from sqlalchemy import select


async def send_invoices():
    async with new_session() as session:
        orders = await session.stream_scalars(select(Order).order_by(Order.id).execution_options(yield_per=2))
        async for order in orders:
            order.invoiced = True
            await session.commit()


async def main():
    await asyncio.create_task(send_invoices(), name="invoices")


if __name__ == "__main__":
    asyncio.run(main())
