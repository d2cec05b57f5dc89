"""Wrong code without any error: each withdrawal writes what it computed from an old balance."""

import asyncio

import asyncpg


async def withdraw(amount):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    balance = await connection.fetchval("select balance from account where id = 1")
    await connection.execute("update account set balance = $1 where id = 1", balance - amount)
    await connection.close()


async def main():
    await asyncio.gather(withdraw(10), withdraw(20))


if __name__ == "__main__":
    asyncio.run(main())
