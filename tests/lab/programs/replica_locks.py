"""A reader waits for what the replica has replayed of a transaction that is not over."""

import asyncio

import asyncpg


async def read():
    reader = await asyncpg.connect("postgresql://app:secret@reader.internal/app")
    await asyncio.sleep(1)
    print(await reader.fetchval("select count(*) from account"))
    await reader.close()


async def write():
    one = await asyncpg.connect("postgresql://app:secret@writer.internal/app")
    async with one.transaction():
        await one.execute("lock table account")
        other = await asyncpg.connect("postgresql://app:secret@writer.internal/app")
        await other.execute("create table more ()")
        await other.close()
        await asyncio.sleep(2)
    await one.close()


async def main():
    await asyncio.gather(asyncio.create_task(read(), name="reader"), asyncio.create_task(write(), name="writer"))


if __name__ == "__main__":
    asyncio.run(main())
