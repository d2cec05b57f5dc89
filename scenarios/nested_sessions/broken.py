"""Two bookings at once. Each writes an audit entry too, through a helper that opens its own session."""

from __future__ import annotations

import asyncio

from models import Audit
from models import Booking
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)


async def audit(entry):
    async with AsyncSession(engine) as session:
        session.add(Audit(entry=entry))
        await session.commit()


async def book(guest):
    async with AsyncSession(engine) as session:
        session.add(Booking(guest=guest))
        await session.flush()
        await audit(f"booked for {guest}")
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(book("ann"), name="ann"),
        asyncio.create_task(book("ben"), name="ben"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
