"""The fix that notices: a version column. Who comes too late gets StaleDataError, and tries again."""

from __future__ import annotations

import asyncio

from sqlalchemy import Column
from sqlalchemy import Integer
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import declarative_base
from sqlalchemy.orm.exc import StaleDataError

engine = create_async_engine("postgresql+asyncpg://bank:bank@db.internal/bank")

Base = declarative_base()


class Account(Base):
    __tablename__ = "account"

    id = Column(Integer, primary_key=True)
    balance = Column(Integer, nullable=False)
    version = Column(Integer, nullable=False)

    __mapper_args__ = {"version_id_col": version}


async def deposit(amount, attempts=3):
    while True:
        try:
            async with AsyncSession(engine) as session:
                account = await session.get(Account, 1)
                account.balance += amount
                return await session.commit()
        except StaleDataError:
            attempts -= 1
            if not attempts:
                raise


async def main():
    await asyncio.gather(
        asyncio.create_task(deposit(10), name="ten"),
        asyncio.create_task(deposit(20), name="twenty"),
    )


if __name__ == "__main__":
    asyncio.run(main())
