"""Loses money, and more of it while nobody may look at the accounts."""

import asyncio

import asyncpg


async def main():
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    await connection.execute("update account set balance = 90 where id = 1")
    async with connection.transaction():
        await connection.execute("lock table account in access exclusive mode")
        await asyncio.create_task(asyncio.sleep(0), name="meanwhile")
        await connection.execute("update account set balance = 0 where id = 1")
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
