"""Two transfers lock the same two rows in opposite order."""

import asyncio

import asyncpg


async def transfer(first, second):
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    async with connection.transaction():
        await connection.execute("update account set balance = balance - 1 where id = $1", first)
        await connection.execute("update account set balance = balance + 1 where id = $1", second)
    await connection.close()


async def main():
    await asyncio.gather(transfer(1, 2), transfer(2, 1), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
