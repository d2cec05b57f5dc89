"""The weather service. It answers over the network, when it likes."""

from __future__ import annotations

import asyncio


async def ask_weather():
    await asyncio.sleep(0.5)
    return "sunny"
