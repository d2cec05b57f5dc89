"""Place an order, answer, and send the confirmation in the background: with the request's session."""

from __future__ import annotations

import asyncio

from models import Mail
from models import Order
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def send_confirmation(session, order):
    await session.refresh(order)
    session.add(Mail(recipient=order.customer))
    await session.commit()


async def handle_request(customer):
    async with AsyncSession(engine) as session:
        order = Order(customer=customer)
        session.add(order)
        await session.commit()
    return asyncio.create_task(send_confirmation(session, order), name="mail")


async def main():
    background = await asyncio.create_task(handle_request("ann"), name="request")
    await background


if __name__ == "__main__":
    asyncio.run(main())
