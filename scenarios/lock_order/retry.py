"""The fix where the order cannot be known before: a transaction that lost is done again, from its beginning."""

from __future__ import annotations

import asyncio

from models import Account
from models import Transfer
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio import create_async_engine

DEADLOCK = "40P01"

engine = create_async_engine("postgresql+asyncpg://bank:bank@db.internal/bank")


async def change(session, account, amount):
    statement = update(Account).where(Account.id == account).values(balance=Account.balance + amount)
    await session.execute(statement.execution_options(synchronize_session=False))


async def transfer(name, source, target, amount):
    async with AsyncSession(engine) as session:
        await change(session, source, -amount)
        await change(session, target, amount)
        session.add(Transfer(name=name, amount=amount))
        await session.commit()


async def transfer_again(name, source, target, amount, attempts=3):
    while True:
        try:
            return await transfer(name, source, target, amount)
        except DBAPIError as error:
            attempts -= 1
            if error.orig.sqlstate != DEADLOCK or not attempts:
                raise


async def main():
    await asyncio.gather(
        asyncio.create_task(transfer_again("rent", 1, 2, 70), name="rent"),
        asyncio.create_task(transfer_again("refund", 2, 1, 20), name="refund"),
        return_exceptions=True,
    )


if __name__ == "__main__":
    asyncio.run(main())
