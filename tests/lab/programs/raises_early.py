"""Fails before its event loop begins."""

import asyncio


def configuration():
    raise KeyError("DATABASE_URL")


configuration()
asyncio.run(asyncio.sleep(0))
