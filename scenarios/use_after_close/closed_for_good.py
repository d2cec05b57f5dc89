"""The same write, and a session that refuses once it has been closed: the mistake shows where it is made."""

from __future__ import annotations

import asyncio

from models import Mail
from models import Order
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def send_confirmation(session, customer):
    # The request commits: that is done by whoever opened the session.
    session.add(Mail(recipient=customer))
    await session.flush()


async def handle_request(customer):
    async with AsyncSession(engine, close_resets_only=False) as session:
        session.add(Order(customer=customer))
        await session.commit()
    return asyncio.create_task(send_confirmation(session, customer), name="mail")


async def main():
    background = await asyncio.create_task(handle_request("ann"), name="request")
    await background


if __name__ == "__main__":
    asyncio.run(main())
