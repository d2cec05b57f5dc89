"""Other people's services. They answer over the network, when they like."""

from __future__ import annotations

import asyncio


async def charge_card():
    """Have the payment provider take the money."""
    await asyncio.sleep(0.5)


async def check_coupon(code):
    """Ask the marketing department's service whether there is such a coupon."""
    await asyncio.sleep(0.1)
    return code
