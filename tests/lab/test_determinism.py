"""The promise that everything rests on: a schedule replayed is the same run. `make prove` does it a thousand times."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dashboard.catalogue import incidents
from dashboard.servers.lab import drop_schema
from interlock import journal
from interlock import lab
from interlock.frame import Message
from interlock.job import Job
from interlock.supervisor import Runner
from tests.lab.conftest import PROGRAMS
from tests.lab.conftest import Warm
from tests.matrix import cases
from tests.prove import prove

RUNS = 30
FEW = 4  # enough where it used to be another run each time
OFTEN = 12  # where it was in one of four
incident = incidents.load([Path(__file__).parents[2] / "scenarios"]).incident("shared_session")


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_thirty_replays_in_fresh_interpreters_are_identical(
    stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    assert incident is not None
    proof = asyncio.run(prove(stack_python(stack), lab_url, incident, "broken", stack, RUNS))
    assert proof.holds, proof.difference
    assert proof.digests.total() == RUNS


@pytest.mark.parametrize("program", ["audit", "generators", "mapper_cycle", "object_names"])
@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_nothing_depends_on_where_objects_lie_in_memory(
    program: str, stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    end = replayed(program, stack_python(stack), lab_url, FEW)[-1]
    assert (end.outcome, end.escapes) == ("ok", ())


@pytest.mark.parametrize("program", ["row_queue", "cancelled_waits", "thrown_away", "many_threads", "echoes"])
@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_nothing_depends_on_what_the_operating_system_lets_run_first(
    program: str, stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    end = replayed(program, stack_python(stack), lab_url, OFTEN)[-1]
    assert end.tasks[0].outcome == "value", end.summary
    assert end.escapes == ()


def test_who_waits_for_a_row_gets_it_in_turn(lab_url: str, stack_python: Callable[[str], str]) -> None:
    messages = replayed("row_queue", stack_python("sqlalchemy-2.1"), lab_url, 1)
    said = [event.text for step in messages[1:-1] for event in step.events if event.kind == "stdout"]
    assert said == [f"withdrew {10 + number}" for number in range(6)]


def test_where_backends_cannot_be_held_a_race_for_a_row_is_told(
    lab_url: str, stack_python: Callable[[str], str], tmp_path: Path
) -> None:
    with beyond_a_proxy(lab_url, tmp_path) as far:
        end = replayed("row_queue", stack_python("sqlalchemy-2.1"), far, 1)[-1]
    assert end.outcome == "ok"
    assert any("went for the same row at once" in text for text in end.escapes), end.escapes


def test_a_fork_from_where_the_loop_begins_is_the_same_run(lab_url: str, warm: Warm, tmp_path: Path) -> None:
    job = Job(str(PROGRAMS / "deadlock.py"), lab_url, "test_forked", setup=(PROGRAMS / "schema.sql").read_text())

    def says(what: str) -> Job:
        program = tmp_path / "says.py"
        program.write_text(
            f"import asyncio, os, random\n\nasync def main():\n    print({what})\n\nasyncio.run(main())\n"
        )
        return replace(job, program=str(program))

    try:
        for same in (job, says("random.random()")):  # which Python seeds anew in each fork
            alone = warm.play(sys.executable, same, None)
            found = warm.replay(sys.executable, same, 3)
            assert [digest for digest, _ in found] == [journal.digest(alone.messages[1:])] * 3
            assert {end.signature for _, end in found} == {alone.end.signature}
        assert len({digest for digest, _ in warm.replay(sys.executable, says("os.getpid()"), 3)}) == 3
    finally:
        drop_schema(lab_url, "test_forked")


def test_a_serializable_transaction_of_somebody_else_makes_no_difference(lab_url: str, warm: Warm) -> None:
    """Until it ends, the server keeps what the run's own have read locked, beyond their commit."""
    case = next(case for case in cases() if str(case) == "serialization_failure/broken-sqlalchemy-2.1")
    job = case.job(lab_url, "test_serializable")
    try:
        alone = warm.play(sys.executable, job, None)
        with psycopg.connect(lab_url) as other:
            other.execute("set transaction isolation level serializable")
            other.execute("select count(*) from pg_class")
            beside = warm.play(sys.executable, job, None)
        assert "SIReadLock on doctor" in str(alone.steps)
        assert journal.first_difference(alone.messages, beside.messages) is None
    finally:
        drop_schema(lab_url, "test_serializable")


@contextmanager
def beyond_a_proxy(url: str, folder: Path) -> Iterator[str]:
    """The same server by a socket whose other end is not the server's own."""
    there = lab.address(url)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond = await asyncio.open_unix_connection(f"{there.host}/.s.PGSQL.{there.port}")
        await asyncio.gather(pump(reader, beyond[1]), pump(beyond[0], writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_unix_server(meet, folder / ".s.PGSQL.5432"))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"postgresql://{there.user}@/{there.database}?host={folder}&port=5432"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


def replayed(program: str, python: str, lab_url: str, times: int) -> list[Message]:
    """Replay a program in fresh interpreters, and see that it is the same run each time; returns the first."""
    setup = (PROGRAMS / "schema.sql").read_text()

    async def play() -> list[Message]:
        runner = await Runner.start(python)
        try:
            job = Job(str(PROGRAMS / f"{program}.py"), lab_url, "test_memory", setup=setup)
            return [message async for message in runner.play(job)]
        finally:
            await runner.close()

    try:
        first, *others = [asyncio.run(play()) for _ in range(times)]
    finally:
        drop_schema(lab_url, "test_memory")
    assert [journal.first_difference(first, other) for other in others] == [None] * len(others)
    return first
