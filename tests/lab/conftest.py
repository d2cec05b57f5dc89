"""Playing runs in the lab, as tests of the engine and of incidents need it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import TypeVar

import pytest

from dashboard.config import Settings
from dashboard.servers.lab import drop_schema
from dashboard.store import Store
from dashboard.work import worker
from dashboard.work.worker import WorkerThread
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.frame import TaskOutcome
from interlock.job import Job
from interlock.orders import Orders
from interlock.supervisor import Runner

PROGRAMS = Path(__file__).parent / "programs"


@dataclass
class Played:
    """A finished run, message by message."""

    messages: list[Message] = field(default_factory=list)

    @property
    def header(self) -> Header:
        return next(message for message in self.messages if isinstance(message, Header))

    @property
    def steps(self) -> list[Step]:
        return [message for message in self.messages if isinstance(message, Step)]

    @property
    def end(self) -> End:
        assert [isinstance(message, End) for message in self.messages].count(True) == 1
        return self.messages[-1]

    @property
    def events(self) -> list[Event]:
        return [event for step in self.steps for event in step.events]

    def said(self, kind: str) -> list[str]:
        """The texts of all events of a kind."""
        return [event.text for event in self.events if event.kind == kind]

    def task(self, name: str) -> TaskOutcome:
        return next(task for task in self.end.tasks if task.name == name)


Play = Callable[..., Played]
T = TypeVar("T")


class Warm:
    """Warm runners, one per interpreter, on an event loop of their own, for the whole session."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner(debug=True)
        self._runners: dict[str, Runner] = {}

    def start(self, python: str) -> Runner:
        if python not in self._runners:
            self._runners[python] = self._loop.run(Runner.start(python))
        return self._runners[python]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the runners, on their loop."""
        return self._loop.run(work)

    def play(self, python: str, job: Job, drive: Any) -> Played:
        return self._loop.run(_play(self.start(python), job, drive))

    def explore(
        self, python: str, job: Job, seeds: Sequence[int], orders: Orders | None = None
    ) -> list[tuple[int | None, End]]:
        async def ends() -> list[tuple[int | None, End]]:
            return [found async for found in self.start(python).explore(job, seeds, orders)]

        return self._loop.run(ends())

    def replay(self, python: str, job: Job, times: int) -> list[tuple[str, End]]:
        async def found() -> list[tuple[str, End]]:
            return [found async for found in self.start(python).replay(job, times)]

        return self._loop.run(found())

    def close(self) -> None:
        for runner in self._runners.values():
            self._loop.run(runner.close())
        self._loop.close()


@pytest.fixture(scope="session")
def warm(stack_python: Callable[[str], str]) -> Iterator[Warm]:
    warm = Warm()
    for stack in ("sqlalchemy-1.4.42", "sqlalchemy-2.0.51", "sqlalchemy-2.0.52", "sqlalchemy-2.0", "sqlalchemy-2.1"):
        warm.start(stack_python(stack))
    yield warm
    warm.close()


@pytest.fixture
def play(warm: Warm, lab_url: str, stack_python: Callable[[str], str]) -> Iterator[Play]:
    """Play a program: a name from programs/ or a path. Other arguments as those of `Job`."""
    schema = "test_engine"

    def play_one(program: str | Path, stack: str = "sqlalchemy-2.1", drive: Any = None, **asked: Any) -> Played:
        path = PROGRAMS / f"{program}.py" if isinstance(program, str) else program
        schema_sql = path.parent / "schema.sql"
        asked.setdefault("lab", lab_url)
        asked.setdefault("setup", schema_sql.read_text() if schema_sql.exists() else "")
        return warm.play(stack_python(stack), Job(program=str(path), schema=schema, **asked), drive)

    yield play_one
    drop_schema(lab_url, schema)


async def _play(runner: Runner, job: Job, drive: Any) -> Played:
    played = Played()
    async for message in runner.play(job):
        played.messages.append(message)
        if drive is not None:
            await drive(runner, message)
    return played


@pytest.fixture
def store(given: Settings) -> Iterator[Store]:
    """The store of `given`, the settings of a test module."""
    assert given.store_url
    store = Store(given.store_url)
    yield store
    store.close()


@pytest.fixture
def thread(given: Settings, lab_url: str) -> Iterator[WorkerThread]:
    """A worker that has begun to take jobs."""
    thread = worker.start_in_thread(given)
    until(lambda: thread.healthy)
    yield thread
    assert thread.stop()


def until(there: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)
