"""A reader keeps its snapshot while the writer deletes and cleans up what that snapshot still sees."""

import asyncio

import asyncpg


async def main():
    writer = await asyncpg.connect("postgresql://app:secret@writer.internal/app")
    reader = await asyncpg.connect("postgresql://app:secret@reader.internal/app")
    async with reader.transaction(isolation="repeatable_read"):
        print(await reader.fetchval("select count(*) from account"))
        await writer.execute("delete from account")
        await writer.execute("vacuum account")
        await asyncio.sleep(1)
        print(await reader.fetchval("select count(*) from account"))


if __name__ == "__main__":
    asyncio.run(main())
