"""The fix: what is shielded owns its session."""

from __future__ import annotations

import asyncio

from models import Payment
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop:shop@db.internal/shop")


async def pay(customer):
    async with AsyncSession(engine) as session:
        session.add(Payment(customer=customer))
        await session.flush()
        await session.commit()


async def handle_request(customer):
    payment = asyncio.create_task(pay(customer), name="payment")
    await asyncio.shield(payment)


async def main():
    request = asyncio.create_task(handle_request("ann"), name="request")
    try:
        # The server gives a request so long, then cancels it.
        await asyncio.wait_for(request, timeout=5)
    except Exception as error:
        print("no answer was sent:", type(error).__name__)
    # Whoever still works when the server goes down is waited for.
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
