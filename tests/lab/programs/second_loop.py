"""Runs an event loop in a thread of its own."""

import asyncio
import threading


async def main():
    thread = threading.Thread(target=asyncio.run, args=(asyncio.sleep(0),), name="beside")
    thread.start()
    await asyncio.to_thread(thread.join)


asyncio.run(main())
