"""Three hundred tasks transfer money between as many accounts, through a pool of sixty connections."""

import asyncio

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import func
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base

WORKERS = 300
ACCOUNTS = 300
Base = declarative_base()
engine = create_async_engine("postgresql+asyncpg://bank:secret@db.internal/bank", pool_size=60, max_overflow=0)


class Account(Base):
    __tablename__ = "account"

    id = Column(Integer, primary_key=True)
    balance = Column(Integer, nullable=False)


class Entry(Base):
    __tablename__ = "entry"

    id = Column(Integer, primary_key=True)
    account = Column(Integer, nullable=False)
    amount = Column(Integer, nullable=False)


async def transfer(number):
    source, target = number % ACCOUNTS + 1, (number + 1) % ACCOUNTS + 1
    async with AsyncSession(engine) as session:
        await history(session, source)
        await history(session, target)
        await session.rollback()
        for account in sorted((source, target)):  # always in this order, so that nobody waits in a circle
            row = await session.get(Account, account, with_for_update=True)
            row.balance += -1 if account == source else 1
            session.add(Entry(account=account, amount=-1 if account == source else 1))
            await session.flush()
        if number == 246:
            raise ValueError(f"Overdrawn: account {source}")
        await session.commit()
        await history(session, None)
        await history(session, source)
        await history(session, target)


async def history(session, account):
    entries = select(func.count(), func.sum(Entry.amount))
    found = await session.execute(entries if account is None else entries.where(Entry.account == account))
    return found.all()


async def main():
    workers = [asyncio.create_task(transfer(number), name=f"transfer {number}") for number in range(1, WORKERS + 1)]
    await asyncio.gather(*workers, return_exceptions=True)
    await workers[245]


if __name__ == "__main__":
    asyncio.run(main())
