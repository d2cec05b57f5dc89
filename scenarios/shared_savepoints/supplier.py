"""The supplier's service. It answers over the network, when it likes."""

from __future__ import annotations

import asyncio


async def ask_size(name):
    """How big a product is."""
    await asyncio.sleep(0.1 if name == "lamp" else 0.2)
    return 1


async def ask_price(name):
    """What a product costs. About lamps the supplier thinks long, and then has none."""
    await asyncio.sleep(0.5 if name == "lamp" else 0.1)
    if name == "lamp":
        raise LookupError("no lamps left")
    return 80
