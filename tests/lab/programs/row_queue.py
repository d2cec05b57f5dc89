"""Six withdrawals queue for one row."""

import asyncio

import asyncpg


async def withdraw(amount):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    async with connection.transaction():
        await connection.execute("select")
        await connection.execute("update account set balance = balance - $1 where id = 1", amount)
    print("withdrew", amount)
    await connection.close()


async def main():
    await asyncio.gather(*(withdraw(10 + n) for n in range(6)))


asyncio.run(main())
