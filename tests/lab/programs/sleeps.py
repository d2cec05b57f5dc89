"""Two tasks, each with a connection and a short sleep: few orders."""

import asyncio

import asyncpg


async def one(name):
    connection = await asyncpg.connect("postgresql://app@db.example/app")
    await asyncio.sleep(0.05)
    await connection.close()


async def main():
    await asyncio.gather(one("first"), one("second"))


asyncio.run(main())
