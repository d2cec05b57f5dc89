"""Writes down what is about to be flushed, in the order in which the session names it."""

import asyncio

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy import event
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.orm import declarative_base

engine = create_async_engine("postgresql+asyncpg://app:app@db.internal/app")
Base = declarative_base()


class Account(Base):
    __tablename__ = "account"
    id = Column(Integer, primary_key=True)
    balance = Column(Integer)


@event.listens_for(Session, "before_flush")
def audit(session, context, instances):
    for account in session.dirty:
        session.execute(text(f"/* audit */ select {account.id}"))
        print("changed", account.id)


async def main():
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add_all([Account(id=number, balance=0) for number in range(100, 110)])
        await session.commit()
        for account in (await session.execute(select(Account).order_by(Account.id))).scalars():
            account.balance += 1
        await session.commit()
    await engine.dispose()


asyncio.run(main())
