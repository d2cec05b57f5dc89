"""A lock that many can share or one can have alone: runs share a worker, but one that measures time has it alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class SharedLock:
    """Whoever waits to have it alone gets it before those who come later to share it."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._sharing = 0
        self._exclusive = 0  # those who have it alone, or wait for that

    @contextlib.asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._exclusive)
            self._sharing += 1
        try:
            yield
        finally:
            self._sharing -= 1
            await self._notify()

    @contextlib.asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        self._exclusive += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._sharing)
                yield
        finally:
            self._exclusive -= 1
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
