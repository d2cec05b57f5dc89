"""Sleeps and a timeout around a statement: timers that may overtake replies."""

import asyncio
import time

import asyncpg


async def impatient(connection):
    try:
        return await asyncio.wait_for(connection.fetchval("select 42"), timeout=5)
    except asyncio.TimeoutError:
        return "too slow"


async def main():
    began = time.monotonic()
    connection = await asyncpg.connect("postgresql://app:secret@db.internal/app")
    print(await impatient(connection))
    await asyncio.sleep(3600)
    print(round(time.monotonic() - began))
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
