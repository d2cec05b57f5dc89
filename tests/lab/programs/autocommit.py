"""Reports success for what was committed at once, without a transaction."""

import asyncio

import asyncpg


async def deposit():
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    await connection.execute("update account set balance = balance + 10 where id = 1")
    await connection.close()


async def main():
    await asyncio.create_task(deposit(), name="deposit")


if __name__ == "__main__":
    asyncio.run(main())
