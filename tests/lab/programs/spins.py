"""Never lets go of the processor."""

import asyncio


async def main():
    while True:
        pass


asyncio.run(main())
