"""The fix without a stream: a few rows at a time, from where the last ones ended; each portion is a transaction."""

from __future__ import annotations

import asyncio

from shop import Order
from shop import new_session
from sqlalchemy import select


async def send_invoices():
    last = 0
    while True:
        async with new_session() as session:
            result = await session.execute(select(Order).where(Order.id > last).order_by(Order.id).limit(2))
            orders = result.scalars().all()
            for order in orders:
                order.invoiced = True
                last = order.id
            await session.commit()
        if not orders:
            return


async def main():
    await asyncio.create_task(send_invoices(), name="invoices")


if __name__ == "__main__":
    asyncio.run(main())
