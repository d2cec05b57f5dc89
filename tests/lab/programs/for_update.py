"""Correct code: each withdrawal reads the row under a lock."""

import asyncio

import asyncpg


async def withdraw(amount):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    async with connection.transaction():
        balance = await connection.fetchval("select balance from account where id = 1 for update")
        await connection.execute("update account set balance = $1 where id = 1", balance - amount)
    await connection.close()


async def main():
    await asyncio.gather(withdraw(10), withdraw(20))


if __name__ == "__main__":
    asyncio.run(main())
