"""The fix: one session streams and never commits, another one writes."""

from __future__ import annotations

import asyncio

from shop import Order
from shop import new_session
from sqlalchemy import select
from sqlalchemy import update


async def send_invoices():
    async with new_session() as reading, new_session() as writing:
        numbers = await reading.stream(select(Order.id).order_by(Order.id).execution_options(yield_per=2))
        async for (number,) in numbers:
            await writing.execute(update(Order).where(Order.id == number).values(invoiced=True))
            await writing.commit()


async def main():
    await asyncio.create_task(send_invoices(), name="invoices")


if __name__ == "__main__":
    asyncio.run(main())
