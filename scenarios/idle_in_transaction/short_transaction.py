"""The fix: what the report needs is read, and the transaction is over before the slow service is called."""

from __future__ import annotations

import asyncio

from models import Customer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


async def make_pdf(email):
    """The other service, on a day on which it takes a minute to answer."""
    await asyncio.sleep(60)
    return email


async def report(number):
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        email = customer.email
    return await make_pdf(email)


async def migrate():
    async with engine.begin() as connection:
        await connection.execute(text("alter table customer add column phone text"))


async def read(number):
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        return customer.email


async def handle(number, attempts=4):
    while True:
        try:
            return await asyncio.wait_for(read(number), timeout=10)
        except asyncio.TimeoutError:
            attempts -= 1
            if not attempts:
                raise


async def main():
    reporting = asyncio.create_task(report(1), name="report")
    await asyncio.sleep(1)
    migrating = asyncio.create_task(migrate(), name="migration")
    await asyncio.sleep(1)
    request = asyncio.create_task(handle(2), name="request")
    await asyncio.gather(reporting, migrating, request)


if __name__ == "__main__":
    asyncio.run(main())
