"""Writes to the writer, reads from the reader; leaves out what comes to nothing."""

import asyncio

import asyncpg


async def count(reader):
    return await reader.fetchval("select count(*) from account")


async def main():
    writer = await asyncpg.connect("postgresql://app:secret@writer.internal/app")
    reader = await asyncpg.connect("postgresql://app:secret@reader.internal/app")
    await writer.fetchval("select 1")
    undone = writer.transaction()
    await undone.start()
    await writer.execute("insert into account values (3, 100)")
    await undone.rollback()
    print("before", await count(reader))
    async with writer.transaction():
        await writer.execute("insert into account values (3, 100)")
    await writer.execute("insert into account values (4, 100)")
    await writer.execute("update account set balance = 0 where id = 5")
    print("after", await count(reader))
    await asyncio.sleep(1)
    print("later", await count(reader))
    await reader.close()
    await writer.close()


if __name__ == "__main__":
    asyncio.run(main())
