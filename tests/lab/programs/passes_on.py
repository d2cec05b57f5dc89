"""A task awaits another one that has failed a moment ago, before anybody could look at that."""

import asyncio


async def fails():
    raise KeyError("x")


async def begins():
    return asyncio.create_task(fails(), name="fails")


async def main():
    failed = await asyncio.create_task(begins(), name="begins")
    await failed


asyncio.run(main())
