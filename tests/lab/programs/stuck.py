"""Waits for something that nobody will ever do."""

import asyncio


async def main():
    await asyncio.Event().wait()


asyncio.run(main())
