"""Waits until the replica is as far as the writer, which somebody else moved on: what it does here counts as no write."""

import asyncio

import asyncpg


async def main():
    writer = await asyncpg.connect("postgresql://app:secret@writer.internal/app")
    reader = await asyncpg.connect("postgresql://app:secret@reader.internal/app")
    await writer.execute("insert into account values (3, 100)")
    await asyncio.sleep(1)
    position = await writer.fetchval("select pg_logical_emit_message(false, 'another', 'run')::text")
    for asked in range(5):
        if await reader.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", position):
            print("there after", asked, "times in vain")
            break
        await asyncio.sleep(0.05)
    else:
        print("never there")
    await reader.close()
    await writer.close()


if __name__ == "__main__":
    asyncio.run(main())
