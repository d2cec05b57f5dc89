"""Moves money in two transactions, and then loses some."""

import asyncio

import asyncpg

async def pay(connection, amount, account):
    await connection.execute("update account set balance = balance + $1 where id = $2", amount, account)


async def main():
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    await connection.execute("create table made (id int)")
    await pay(connection, -10, 1)
    await pay(connection, +10, 2)
    async with connection.transaction():
        await pay(connection, -30, 1)
    await connection.execute("insert into made values (1)")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
