"""Blocks the event loop for ever."""

import asyncio
import threading


async def main():
    lock = threading.Lock()
    lock.acquire()
    await asyncio.sleep(0.1)
    lock.acquire()


asyncio.run(main())
