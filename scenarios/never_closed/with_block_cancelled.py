"""The same fix for callers who give up: a cancellation leaves the block too, and the session is closed."""

from __future__ import annotations

import asyncio

from models import Customer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)


async def send_newsletter(email):
    """Another service, which takes its time."""
    await asyncio.sleep(3)
    return email


async def handle(number):
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        return await send_newsletter(customer.email)


async def impatient(number):
    try:
        return await asyncio.wait_for(handle(number), timeout=2)
    except asyncio.TimeoutError:
        return "gave up"


async def main():
    await asyncio.create_task(impatient(1), name="ann")
    await asyncio.create_task(impatient(2), name="ben")
    await asyncio.create_task(handle(3), name="cleo")


if __name__ == "__main__":
    asyncio.run(main())
