"""Generators that nobody closes: asyncio.run does, all those that are left."""

import asyncio


async def numbered(number):
    try:
        yield number
    finally:
        print("closing", number)


async def main():
    main.left = [numbered(number) for number in range(12)]
    for generator in main.left:
        await generator.__anext__()


asyncio.run(main())
