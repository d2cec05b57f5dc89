"""Each request looks up a customer and calls another service with what it found, while its session is open."""

from __future__ import annotations

import asyncio

from models import Customer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)


async def send_newsletter(email):
    """The other service, on a day on which it takes a minute to answer."""
    await asyncio.sleep(60)
    return email


async def handle(number):
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        return await send_newsletter(customer.email)


async def main():
    await asyncio.gather(
        asyncio.create_task(handle(1), name="ann"),
        asyncio.create_task(handle(2), name="ben"),
        asyncio.create_task(handle(3), name="cleo"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
