"""Every folder of the catalogue on the real stacks: the declared ends, again and again the same, and fixes that hold.

A new folder is covered by being there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from collections.abc import Iterator

import pytest

from dashboard.catalogue.incidents import Incident
from dashboard.servers.lab import drop_schema
from interlock.job import Job
from interlock.orders import Orders
from tests import matrix
from tests.lab.conftest import Warm
from tests.matrix import CATALOGUE
from tests.matrix import Case

REPLAYS = {"broken": 7, "probe": 7, "fix": 3}
"""A fix is tried under many schedules besides."""
SEEDS = range(25)
"""Two of five fixes have so few orders that this tries them all."""

PRICES = "all parts of an order have the same price"
BREAKS = {
    "poisoned_pool/guarded_pool": [],
    "parallel_transaction/session_per_task": [PRICES],
    "parallel_transaction/commit_barrier": [PRICES],
    "parallel_transaction/two_phase": [PRICES],
}
"""Programs that are neither broken nor fixes, and the rules that they break in some order. The others they keep."""

CASES = list(matrix.cases())

_numbers = itertools.count(1)


@pytest.fixture
def job_of(request: pytest.FixtureRequest, lab_url: str) -> Iterator[Callable[[Case], Job]]:
    schema = f"cli_catalogue_{next(_numbers)}"
    replica = ""

    def job_of(case: Case) -> Job:
        nonlocal replica
        if case.program.replica:
            replica = request.getfixturevalue("replica_url")
        return case.job(lab_url, schema, replica)

    yield job_of
    drop_schema(lab_url, schema, replica or None)


def test_the_catalogue_has_no_mistakes() -> None:
    assert not CATALOGUE.problems, "\n".join(map(str, CATALOGUE.problems))


@pytest.mark.parametrize("incident", CATALOGUE.incidents, ids=lambda incident: incident.name)
def test_an_incident_tells_all_there_is_to_tell(incident: Incident) -> None:
    assert incident.symptom
    assert incident.summary.strip()
    assert incident.sources
    assert "<h2>How to recognise it</h2>" in incident.story
    assert "<h2>Who meets it</h2>" in incident.story
    assert incident.invariants or "In the data: nothing" in incident.story
    assert {"broken", "fix"} <= {program.kind for program in incident.programs}
    assert all(program.expectations for program in incident.programs if program.kind != "timing")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_shipped_schedule_ends_as_declared_every_time(
    case: Case, job_of: Callable[[Case], Job], warm: Warm, stack_python: Callable[[str], str]
) -> None:
    runner, times = warm.start(stack_python(case.stack)), 2 if case.slow else REPLAYS[case.program.kind]
    assert warm.run(matrix.replayed(case, runner, job_of(case), times)) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.program.kind == "fix"], ids=str)
def test_a_fix_holds_where_the_broken_program_breaks_and_whatever_comes_first(
    case: Case, job_of: Callable[[Case], Job], warm: Warm, stack_python: Callable[[str], str]
) -> None:
    runner, job = warm.start(stack_python(case.stack)), job_of(case)
    assert warm.run(matrix.broken_at(case, runner, job)) == []
    assert warm.run(matrix.explored(case, runner, job, SEEDS, Orders())) == []


@pytest.mark.parametrize("case", [case for case in CASES if str(case).partition("-")[0] in BREAKS], ids=str)
def test_what_is_no_fix_keeps_all_the_same_what_it_is_for(
    case: Case, job_of: Callable[[Case], Job], warm: Warm, stack_python: Callable[[str], str]
) -> None:
    python, job = stack_python(case.stack), job_of(case)
    ends = [warm.play(python, job, None).end, *(end for _, end in warm.explore(python, job, SEEDS))]
    assert len(ends) == 1 + len(SEEDS)
    broken = {rule.name for end in ends for rule in end.invariants if not rule.holds}
    assert broken == set(BREAKS[str(case).partition("-")[0]])
