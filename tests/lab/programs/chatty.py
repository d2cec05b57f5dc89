"""Prints 100 MB."""

import asyncio


async def main():
    for _ in range(100_000):
        print("x" * 1000)


asyncio.run(main())
