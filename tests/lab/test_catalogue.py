"""Every folder of the catalogue on the real stacks: the declared ends, again and again the same, and fixes that hold.

A new folder is covered by being there. The origin incident has tests of its own, stricter ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import incidents
from dashboard.incidents import Incident
from dashboard.incidents import Program
from dashboard.lab import drop_schema
from interlock import journal
from interlock.job import Job
from interlock.job import Limits
from tests.lab.conftest import Warm

REPLAYS = {"broken": 5, "probe": 5, "fix": 2}
"""A fix is tried under many schedules besides."""
SEEDS = range(15)

CATALOGUE = incidents.load([Path(__file__).parents[2] / "scenarios"])
INCIDENTS = [incident for incident in CATALOGUE.incidents if incident.name != "shared_session"]
DECLARED = [
    pytest.param(incident, program, stack, id=f"{incident.name}/{program.name}-{stack}")
    for incident in INCIDENTS
    for program in incident.programs
    for stack in program.expectations
]
FIXES = [case for case in DECLARED if case.values[1].kind == "fix"]

_numbers = itertools.count(1)


@pytest.fixture
def schema(lab_url: str) -> Iterator[str]:
    name = f"cli_catalogue_{next(_numbers)}"
    yield name
    drop_schema(lab_url, name)


def job_for(incident: Incident, program: Program, stack: str, lab_url: str, schema: str) -> Job:
    expected = program.expectations[stack]
    return Job(
        str(program.path),
        lab_url,
        schema,
        schedule=expected.schedule,
        setup=incident.setup,
        invariants=incident.invariants,
        # What is expected to stand still need not be watched for long.
        limits=Limits(hang_after=1.5) if expected.outcome == "hang" else Limits(),
    )


def test_the_catalogue_has_no_mistakes() -> None:
    assert not CATALOGUE.problems, "\n".join(map(str, CATALOGUE.problems))


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_tells_all_there_is_to_tell(incident: Incident) -> None:
    assert incident.symptom
    assert incident.summary.strip()
    assert incident.sources
    assert "<h2>How to recognise it</h2>" in incident.story
    assert {"broken", "fix"} <= {program.kind for program in incident.programs}
    assert all(program.expectations for program in incident.programs)


@pytest.mark.parametrize(("incident", "program", "stack"), DECLARED)
def test_the_shipped_schedule_ends_as_declared_every_time(
    incident: Incident,
    program: Program,
    stack: str,
    lab_url: str,
    schema: str,
    warm: Warm,
    stack_python: Callable[[str], str],
) -> None:
    job = job_for(incident, program, stack, lab_url, schema)
    digests = set()
    # What stands still does so for seconds, until the engine is sure of it.
    slow = program.expectations[stack].outcome in ("hang", "stuck")
    for _ in range(2 if slow else REPLAYS[program.kind]):
        played = warm.play(stack_python(stack), job, None)
        assert incidents.verdict(program, stack, played.end) is True, played.end
        assert all(rule.holds is not None for rule in played.end.invariants), played.end.invariants
        digests.add(journal.digest(played.messages))
    assert len(digests) == 1


@pytest.mark.parametrize(("incident", "program", "stack"), FIXES)
def test_a_fix_holds_whatever_comes_first(
    incident: Incident,
    program: Program,
    stack: str,
    lab_url: str,
    schema: str,
    warm: Warm,
    stack_python: Callable[[str], str],
) -> None:
    job = job_for(incident, program, stack, lab_url, schema)
    ends = warm.explore(stack_python(stack), job, SEEDS)
    assert [seed for seed, _ in ends] == list(SEEDS)
    for seed, end in ends:
        broken = [rule for rule in end.invariants if not rule.holds]
        ended_well = incidents.verdict(program, stack, end) is True and not broken
        assert ended_well, f"seed {seed}, {end.schedule}: {end.summary}"


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_a_guarded_pool_protects_those_who_share_nothing(
    stack: str, lab_url: str, schema: str, warm: Warm, stack_python: Callable[[str], str]
) -> None:
    incident = CATALOGUE.incident("poisoned_pool")
    assert incident is not None

    def served(name: str) -> list[bool | None]:
        program = incident.program(name)
        assert program is not None
        job = job_for(incident, program, stack, lab_url, schema)
        return [rule.holds for rule in warm.play(stack_python(stack), job, None).end.invariants]

    assert served("broken") == [False, True]
    assert served("guarded_pool") == [True, True]
