"""Two-phase commit: its transactions have names that a whole server shares; runs at the same time must not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.catalogue import incidents
from dashboard.servers.lab import drop_schema
from interlock import journal
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Job
from interlock.supervisor import Runner

FOLDER = Path(__file__).parents[2] / "scenarios" / "torn_commit"
SCHEMAS = ("cli_two_phase_1", "cli_two_phase_2")


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_a_run_that_stands_prepared_is_not_in_the_way_of_another(
    lab_url: str, stack: str, stack_python: Callable[[str], str]
) -> None:
    incident, python = incidents.read(FOLDER), stack_python(stack)

    def job(schema: str, mode: str) -> Job:
        rules, setup = incident.invariants, incident.setup
        return Job(str(FOLDER / "two_phase.py"), lab_url, schema, mode=mode, setup=setup, invariants=rules)

    async def both() -> tuple[list[Message], list[Message]]:
        stood, other = [await Runner.start(python) for _ in range(2)]
        first: list[Message] = []
        second: list[Message] = []
        try:
            async for message in stood.play(job(SCHEMAS[0], "step")):
                first.append(message)
                if not isinstance(message, Step):
                    continue
                prepares = any(event.text.startswith("PREPARE TRANSACTION") for event in message.events)
                if prepares and not second:
                    second += [one async for one in other.play(job(SCHEMAS[1], "replay"))]
                await stood.advance()
            return first, second
        finally:
            await stood.close()
            await other.close()

    first, second = asyncio.run(both())
    for schema in SCHEMAS:
        drop_schema(lab_url, schema)
    assert (first[-1].outcome, second[-1].outcome) == ("ok", "ok")
    assert journal.digest(first[1:]) == journal.digest(second[1:])  # the headers tell the modes
    assert any("_sa_…01" in event.text for step in first if isinstance(step, Step) for event in step.events)
