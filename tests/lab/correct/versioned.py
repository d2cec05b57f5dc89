"""Deposits with a version column: who comes too late tries again."""

import asyncio

from bank import Account
from bank import new_session
from sqlalchemy.orm.exc import StaleDataError


async def deposit():
    while True:
        try:
            async with new_session() as session:
                account = await session.get(Account, 1)
                account.balance += 10
                return await session.commit()
        except StaleDataError:
            pass


async def main():
    await asyncio.gather(*(asyncio.create_task(deposit(), name=f"deposit {n}") for n in range(2)))


if __name__ == "__main__":
    asyncio.run(main())
