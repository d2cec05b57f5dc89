"""A lock goes from one task to the next; the last one takes it twice."""

from __future__ import annotations

import asyncio


async def work(lock):
    async with lock:
        await asyncio.sleep(1)


async def twice(lock):
    await lock.acquire()
    await asyncio.wait_for(lock.acquire(), 5)


async def main():
    lock = asyncio.Lock()
    await asyncio.gather(
        asyncio.create_task(work(lock), name="first"),
        asyncio.create_task(work(lock), name="second"),
        asyncio.create_task(twice(lock), name="third"),
        return_exceptions=True,
    )


asyncio.run(main())
