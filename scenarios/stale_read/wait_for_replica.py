"""The fix that keeps the reads where they are: a request begins when the replica has what the last one wrote."""

from __future__ import annotations

import asyncio

from models import Account
from session import engines
from session import session_factory
from sqlalchemy import text

PAUSE = 0.05  # seconds


async def position():
    """How far the writer is; what the customer's next request brings along, in a cookie for instance."""
    async with engines["writer"].connect() as connection:
        result = await connection.execute(text("select pg_current_wal_lsn()::text"))
        return result.scalar_one()


async def caught_up(lsn):
    """Wait until the replica is as far as that; in no transaction, since one that is open can stand in its way."""
    reached = text("select pg_last_wal_replay_lsn() >= cast(:lsn as text)::pg_lsn")
    async with engines["reader"].connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        while True:
            result = await connection.execute(reached, {"lsn": lsn})
            if result.scalar_one():
                return
            await asyncio.sleep(PAUSE)


async def deposit(amount, seen=None):
    if seen is not None:
        await caught_up(seen)
    async with session_factory() as session:
        account = await session.get(Account, 1)
        account.balance += amount
        await session.commit()


async def open_account(owner):
    async with session_factory() as session:
        account = Account(owner=owner, balance=0)
        session.add(account)
        await session.commit()
        await caught_up(await position())
        await session.refresh(account)
        return account.id, account.owner


async def main():
    await asyncio.create_task(deposit(10), name="ten")
    await asyncio.create_task(deposit(20, await position()), name="twenty")
    await asyncio.create_task(open_account("ben"), name="ben")


if __name__ == "__main__":
    asyncio.run(main())
