"""Core connections under an advisory lock of their transaction."""

import asyncio

from bank import engine
from sqlalchemy import text


async def deposit():
    async with engine.begin() as connection:
        await connection.execute(text("select pg_advisory_xact_lock(7)"))
        balance = (await connection.execute(text("select balance from account where id = 1"))).scalar()
        await connection.execute(text("update account set balance = :new where id = 1"), {"new": balance + 10})


async def main():
    await asyncio.gather(*(asyncio.create_task(deposit(), name=f"deposit {n}") for n in range(2)))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
