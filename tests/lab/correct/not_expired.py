"""Objects that are used after the commit, by another task: nothing of them expires."""

import asyncio

from bank import Account
from bank import engine
from sqlalchemy.ext.asyncio import AsyncSession


async def read(number):
    async with AsyncSession(engine, expire_on_commit=False) as session:
        account = await session.get(Account, number)
        await session.commit()
    return account


async def main():
    assert [account.balance for account in await asyncio.gather(read(1), read(2))] == [100, 100]


if __name__ == "__main__":
    asyncio.run(main())
