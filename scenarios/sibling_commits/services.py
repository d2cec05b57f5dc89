"""Other people's services. They answer over the network, when they like."""

from __future__ import annotations

import asyncio


async def charge_card():
    """Ask the payment provider, who takes his time and declines."""
    await asyncio.sleep(0.5)
    return False


async def find_country():
    """Ask where the visitor's address belongs."""
    await asyncio.sleep(0.1)
    return "Norway"
