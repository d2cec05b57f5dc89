"""The fix for audit entries that must stay though the booking fails: they have a pool of their own."""

from __future__ import annotations

import asyncio

from models import Audit
from models import Booking
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

URL = "postgresql+asyncpg://app:app@db.internal/app"

engine = create_async_engine(URL, pool_size=2, max_overflow=0)

# Whoever holds one of these asks for nothing else, so each comes back by itself.
audit_engine = create_async_engine(URL, pool_size=1, max_overflow=0)


async def audit(entry):
    async with AsyncSession(audit_engine) as session:
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
