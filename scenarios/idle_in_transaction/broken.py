"""A report reads a customer, has another service make a PDF, and waits for it to call back. Meanwhile, a migration."""

from __future__ import annotations

import asyncio

from models import Customer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")


async def callback(number, done):
    """The other service's answer comes as a request of its own. It looks up for whom it is."""
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        done.set_result(customer.email)


async def make_pdf(number):
    done = asyncio.get_running_loop().create_future()
    calling_back = asyncio.create_task(callback(number, done), name="callback")
    email = await done
    await calling_back
    return email


async def report(number):
    async with AsyncSession(engine) as session:
        await session.get(Customer, number)
        return await make_pdf(number)


async def migrate():
    async with engine.begin() as connection:
        await connection.execute(text("alter table customer add column phone text"))


async def main():
    await asyncio.gather(
        asyncio.create_task(report(1), name="report"),
        asyncio.create_task(migrate(), name="migration"),
    )


if __name__ == "__main__":
    asyncio.run(main())
