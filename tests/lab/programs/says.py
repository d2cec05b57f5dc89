"""Says something in every way there is."""

import asyncio
import logging
import sys
import warnings


async def never():
    pass


async def speaker():
    print("out")
    print("err", file=sys.stderr)
    logging.getLogger("app").warning("log %s", 1)
    warnings.warn("careful", stacklevel=1)
    await asyncio.sleep(1)
    never()


async def forgotten():
    raise ValueError("nobody looks")


async def main():
    asyncio.create_task(forgotten())  # noqa: RUF006
    await asyncio.create_task(speaker(), name="speaker")


asyncio.run(main())
