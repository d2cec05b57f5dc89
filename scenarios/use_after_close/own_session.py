"""The fix: the background task gets plain values, and opens a session of its own."""

from __future__ import annotations

import asyncio

from models import Mail
from models import Order
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def send_confirmation(number):
    async with AsyncSession(engine) as session:
        order = await session.get(Order, number)
        session.add(Mail(recipient=order.customer))
        await session.commit()


async def handle_request(customer):
    async with AsyncSession(engine) as session:
        order = Order(customer=customer)
        session.add(order)
        await session.flush()
        number = order.id
        await session.commit()
    return asyncio.create_task(send_confirmation(number), name="mail")


async def main():
    background = await asyncio.create_task(handle_request("ann"), name="request")
    await background


if __name__ == "__main__":
    asyncio.run(main())
