"""The promise that everything rests on: a schedule replayed is the same run. `make prove` does it a thousand times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import incidents
from dashboard.lab import drop_schema
from interlock import journal
from interlock.supervisor import Job
from interlock.supervisor import Runner
from tests.lab.conftest import PROGRAMS
from tests.prove import prove

RUNS = 30
FEW = 4  # enough where it used to be another run each time
incident = incidents.load([Path(__file__).parents[2] / "scenarios"]).incident("shared_session")


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_thirty_replays_in_fresh_interpreters_are_identical(
    stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    assert incident is not None
    proof = asyncio.run(prove(stack_python(stack), lab_url, incident, "broken", stack, RUNS))
    assert proof.holds, proof.difference
    assert proof.digests.total() == RUNS


@pytest.mark.parametrize("program", ["audit", "generators"])
@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_nothing_depends_on_where_objects_lie_in_memory(
    program: str, stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    python, setup = stack_python(stack), (PROGRAMS / "schema.sql").read_text()

    async def digest() -> str:
        runner = await Runner.start(python)
        try:
            job = Job(str(PROGRAMS / f"{program}.py"), lab_url, "test_memory", setup=setup)
            messages = [message async for message in runner.play(job)]
        finally:
            await runner.close()
        assert messages[-1].outcome == "ok", messages[-1].summary
        return journal.digest(messages)

    try:
        assert len({asyncio.run(digest()) for _ in range(FEW)}) == 1
    finally:
        drop_schema(lab_url, "test_memory")
