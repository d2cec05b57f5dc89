"""Withdrawals are given up while they wait for the row that another one holds."""

import asyncio

import asyncpg


async def withdraw(patience):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    try:
        await asyncio.wait_for(connection.execute("update account set balance = balance - 20 where id = 1"), patience)
        print("withdrawn")
    except asyncio.TimeoutError:
        print("given up;", await connection.fetchval("select balance from account where id = 1"))
    await connection.close()


async def main():
    holder = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    async with holder.transaction():
        await holder.execute("update account set balance = balance - 10 where id = 1")
        await asyncio.gather(withdraw(1), withdraw(2), withdraw(3))
    await holder.close()


asyncio.run(main())
