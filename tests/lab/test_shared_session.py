"""What the origin incident shows beside its declared ends, which `test_catalogue` plays."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from dashboard.catalogue import incidents
from dashboard.servers.lab import drop_schema
from interlock.frame import End
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Job
from interlock.supervisor import Runner

STACKS = ("sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1")
FIXES = ("session_per_task", "sequential")

_numbers = itertools.count(1)
found = incidents.load([Path(__file__).parents[2] / "scenarios"]).incident("shared_session")
assert found is not None
INCIDENT = found

Play = Callable[..., Coroutine[Any, Any, list[Message]]]


def with_runner(python: str, lab_url: str, work: Callable[[Play], Coroutine[Any, Any, None]]) -> None:
    """Do some work with a function that plays a program of the incident and clears up after it."""

    async def main() -> None:
        runner = await Runner.start(python)

        async def play(program: str, **how: Any) -> list[Message]:
            schema = f"cli_shared_session_{next(_numbers)}"
            path = str(INCIDENT.folder / f"{program}.py")
            job = Job(path, lab_url, schema, setup=INCIDENT.setup, invariants=INCIDENT.invariants, **how)
            try:
                return [message async for message in runner.play(job)]
            finally:
                drop_schema(lab_url, schema)

        try:
            await work(play)
        finally:
            await runner.close()

    asyncio.run(main())


def end_of(messages: list[Message]) -> End:
    assert isinstance(messages[-1], End)
    return messages[-1]


def raised(end: End) -> dict[str, str]:
    """What each task that failed raised, as the last line of its traceback would say, without the library's link."""
    return {
        task.name: f"{task.errors[0].type}: {task.errors[0].message.partition(' (Background')[0]}"
        for task in end.tasks
        if task.errors
    }


def broken_rules(end: End) -> list[str]:
    assert all(rule.holds is not None for rule in end.invariants), end.invariants
    return [rule.name for rule in end.invariants if not rule.holds]


ISCE = (
    "sqlalchemy.exc.InvalidRequestError: This session is provisioning a new connection; concurrent operations are not "
    "permitted"
)
TWOPHASE = "AttributeError: 'NoneType' object has no attribute 'twophase'"


@pytest.mark.parametrize(
    ("stack", "errors"),
    [
        ("sqlalchemy-1.4.42", {"main": TWOPHASE, "second": TWOPHASE}),
        ("sqlalchemy-2.0", {"main": ISCE, "second": ISCE, "third": ISCE}),
        ("sqlalchemy-2.1", {"main": ISCE, "second": ISCE, "third": ISCE}),
    ],
)
def test_three_queries_at_once_raise_the_very_error(
    stack: str, errors: dict[str, str], lab_url: str, stack_python: Callable[[str], str]
) -> None:
    async def work(play: Play) -> None:
        assert raised(end_of(await play("broken"))) == errors

    with_runner(stack_python(stack), lab_url, work)


@pytest.mark.parametrize(
    ("stack", "failed", "rule"),
    [
        ("sqlalchemy-1.4.42", ["ann"], "a task that reported success has its visit recorded"),
        ("sqlalchemy-2.0", ["ben", "cleo"], "a task that reported failure has no visit recorded"),
        ("sqlalchemy-2.1", ["ben", "cleo"], "a task that reported failure has no visit recorded"),
    ],
)
def test_three_writes_at_once_are_lost_or_kept_against_what_their_tasks_report(
    stack: str, failed: list[str], rule: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    async def work(play: Play) -> None:
        end = end_of(await play("broken_writes"))
        assert list(raised(end)) == failed
        assert broken_rules(end) == [rule]

    with_runner(stack_python(stack), lab_url, work)


def test_the_three_tasks_get_three_connections_and_end_up_with_the_last(
    lab_url: str, stack_python: Callable[[str], str]
) -> None:
    async def work(play: Play) -> None:
        steps = [message for message in await play("connections") if isinstance(message, Step)]
        lines = [event.text for step in steps for event in step.events if event.kind == "stdout"]
        said = [line.split(" ", 1) for line in "\n".join(lines).split("\n") if line.strip()]
        assert (
            sorted(name for name, _ in said[:3]) == sorted(name for name, _ in said[3:]) == ["first", "second", "third"]
        )
        connections = [connection for _, connection in said]
        assert len(set(connections[:3])) == 3
        assert set(connections[3:]) == {connections[2]}

    with_runner(stack_python("sqlalchemy-1.4.42"), lab_url, work)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("program", FIXES)
def test_a_fix_holds_on_the_plain_network(
    program: str, stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    async def work(play: Play) -> None:
        end = end_of(await play(program, mode="natural"))
        assert (end.outcome, broken_rules(end)) == ("ok", []), end

    with_runner(stack_python(stack), lab_url, work)
