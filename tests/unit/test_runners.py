"""Runners are kept warm, used again, and never left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine

import pytest

from dashboard.work import runners
from dashboard.work.runners import Runners
from interlock.frame import Message
from interlock.job import Job

Trial = Callable[[Runners, list["FakeRunner"]], Coroutine[None, None, None]]


class FakeRunner:
    def __init__(self) -> None:
        self.alive = True
        self.closed = False

    async def play(self, job: Job, heard: object = None) -> AsyncIterator[Message]:
        return
        yield

    async def advance(self, token: str | None = None) -> None: ...

    async def stop(self) -> None: ...

    async def interrupt(self) -> None: ...

    async def close(self) -> None:
        self.alive, self.closed = False, True


def tried(trial: Trial) -> list[FakeRunner]:
    """The runners that a trial has started; all of them have to be closed in the end."""
    started: list[FakeRunner] = []

    async def start(python: str) -> FakeRunner:
        started.append(FakeRunner())
        return started[-1]

    async def main() -> None:
        pool = Runners(start)
        await trial(pool, started)
        await pool.close()

    asyncio.run(main())
    assert all(runner.closed for runner in started)
    return started


def test_a_runner_is_used_again() -> None:
    async def trial(pool: Runners, started: list[FakeRunner]) -> None:
        await pool.warm("python")
        for _ in range(3):
            async with pool.lend("python") as runner:
                assert runner is started[0]

    assert len(tried(trial)) == 1


def test_each_interpreter_has_its_own() -> None:
    async def trial(pool: Runners, started: list[FakeRunner]) -> None:
        async with pool.lend("python3.9"), pool.lend("python3.11"):
            assert len(started) == 2

    tried(trial)


def test_a_runner_that_died_is_not_used_again() -> None:
    async def trial(pool: Runners, started: list[FakeRunner]) -> None:
        await pool.warm("python")
        started[0].alive = False
        async with pool.lend("python") as runner:
            assert runner is started[1]

    tried(trial)


def test_a_runner_left_in_the_middle_of_a_job_is_closed() -> None:
    async def trial(pool: Runners, started: list[FakeRunner]) -> None:
        with pytest.raises(RuntimeError):
            async with pool.lend("python"):
                raise RuntimeError
        assert started[0].closed

    tried(trial)


def test_not_more_are_kept_than_are_of_use() -> None:
    async def trial(pool: Runners, started: list[FakeRunner]) -> None:
        async with pool.lend("python"), pool.lend("python"), pool.lend("python"):
            pass
        assert sum(runner.alive for runner in started) == runners.MAX_IDLE

    assert len(tried(trial)) == 3
