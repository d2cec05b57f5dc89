"""Warm runners: starting an interpreter and importing a stack takes a second, too long to wait for at a click."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Protocol

from interlock.frame import Message
from interlock.job import Job

MAX_IDLE = 2  # runners kept warm per interpreter


class Runner(Protocol):
    """`interlock.supervisor.Runner`, as far as it is used here."""

    @property
    def alive(self) -> bool: ...

    def play(self, job: Job, heard: Callable[[str], None] = ...) -> AsyncIterator[Message]: ...

    async def advance(self, token: str | None = None) -> None: ...

    async def stop(self) -> None: ...

    async def interrupt(self) -> None: ...

    async def close(self) -> None: ...


class Runners:
    """The runners of one worker. Each plays one job at a time, and is used again after it."""

    def __init__(self, start: Callable[[str], Awaitable[Runner]]) -> None:
        self._start = start
        self._idle: dict[str, list[Runner]] = defaultdict(list)
        self._all: set[Runner] = set()

    @contextlib.asynccontextmanager
    async def lend(self, python: str) -> AsyncIterator[Runner]:
        """A runner of that interpreter. One that was left in the middle of a job is not used again."""
        runner = await self._take(python)
        try:
            yield runner
        except BaseException:
            await self._close(runner)
            raise
        if runner.alive and len(self._idle[python]) < MAX_IDLE:
            self._idle[python].append(runner)
        else:
            await self._close(runner)

    async def warm(self, python: str) -> None:
        """Have one ready."""
        if not self._idle[python]:
            async with self.lend(python):
                pass

    async def close(self) -> None:
        self._idle.clear()
        await asyncio.gather(*(self._close(runner) for runner in list(self._all)))

    async def _take(self, python: str) -> Runner:
        while self._idle[python]:
            runner = self._idle[python].pop()
            if runner.alive:
                return runner
            await self._close(runner)
        runner = await self._start(python)
        self._all.add(runner)
        return runner

    async def _close(self, runner: Runner) -> None:
        self._all.discard(runner)
        await runner.close()
