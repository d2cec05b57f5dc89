"""The server ends transactions that are idle for a minute. A report that waits longer finds its connection closed."""

from __future__ import annotations

import asyncio

from models import Customer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(
    "postgresql+asyncpg://app:app@db.internal/app",
    connect_args={"server_settings": {"idle_in_transaction_session_timeout": "60s"}},
)


async def make_pdf(customer):
    await asyncio.sleep(90)
    return f"report for {customer.email}"


async def report(number):
    async with AsyncSession(engine) as session:
        customer = await session.get(Customer, number)
        pdf = await make_pdf(customer)
        customer.reported = True
        await session.commit()
        return pdf


async def main():
    await asyncio.create_task(report(1), name="report")


if __name__ == "__main__":
    asyncio.run(main())
