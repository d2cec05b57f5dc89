"""A statement is refused, nobody rolls back, and the next one is refused for that."""

import asyncio

import asyncpg


async def main():
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    async with connection.transaction():
        try:
            await connection.execute("insert into account values (1, 0)")
        except asyncpg.UniqueViolationError:
            print("there already")
        await connection.execute("update account set balance = 0 where id = 2")


if __name__ == "__main__":
    asyncio.run(main())
