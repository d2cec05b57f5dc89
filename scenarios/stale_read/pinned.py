"""The fix for those who cannot know beforehand: who has written reads from the writer for a while."""

from __future__ import annotations

import asyncio
import time

from models import Account
from session import RoutingSession
from session import engines
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import sessionmaker

PINNED = 10.0  # seconds; longer than the replica is ever behind
pinned_until = {}  # by customer; with more than one process a cookie, or where the sessions of the site are kept


class PinningSession(RoutingSession):
    def get_bind(self, mapper=None, clause=None, **kwargs):
        if time.monotonic() < pinned_until.get(self.info["customer"], 0.0):
            return engines["writer"].sync_engine
        return super().get_bind(mapper=mapper, clause=clause, **kwargs)


@event.listens_for(PinningSession, "after_flush")
def pin(session, flush_context):
    pinned_until[session.info["customer"]] = time.monotonic() + PINNED


session_factory = sessionmaker(class_=AsyncSession, sync_session_class=PinningSession)


async def deposit(customer, amount):
    async with session_factory(info={"customer": customer}) as session:
        account = await session.get(Account, 1)
        account.balance += amount
        await session.commit()


async def open_account(customer):
    async with session_factory(info={"customer": customer}) as session:
        account = Account(owner=customer, balance=0)
        session.add(account)
        await session.commit()
        await session.refresh(account)
        return account.id, account.owner


async def main():
    await asyncio.create_task(deposit("ann", 10), name="ten")
    await asyncio.create_task(deposit("ann", 20), name="twenty")
    await asyncio.create_task(open_account("ben"), name="ben")


if __name__ == "__main__":
    asyncio.run(main())
