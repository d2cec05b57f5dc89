"""The fix: the helper is given the session. One connection for each booking, and one transaction for both rows."""

from __future__ import annotations

import asyncio

from models import Audit
from models import Booking
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app", pool_size=2, max_overflow=0)


def audit(session, entry):
    session.add(Audit(entry=entry))


async def book(guest):
    async with AsyncSession(engine) as session:
        session.add(Booking(guest=guest))
        await session.flush()
        audit(session, f"booked for {guest}")
        await session.commit()


async def main():
    await asyncio.gather(
        asyncio.create_task(book("ann"), name="ann"),
        asyncio.create_task(book("ben"), name="ben"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
