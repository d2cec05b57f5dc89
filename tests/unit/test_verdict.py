"""How a run's end compares with what its incident declares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.catalogue.incidents import Expectation
from dashboard.catalogue.incidents import Incident
from dashboard.catalogue.incidents import Program
from dashboard.catalogue.verdict import verdict
from dashboard.cli.run import Result
from dashboard.cli.run import Target
from dashboard.cli.run import as_text
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import TaskOutcome

FOLDER = Path("one")


def declared(expectation: Expectation | None, kind: str = "broken") -> Program:
    """A program for which this is declared on the stack `here`."""
    return Program("program", "", kind, FOLDER, {"here": expectation} if expectation else {})


def end(outcome: str, *errors: ErrorView) -> End:
    tasks = (TaskOutcome("t1", "main", "value"), TaskOutcome("t2", "first", "error", errors=errors))
    return End(outcome, "", "", "il1:", 3, tasks)


NO = ErrorView("ValueError", "no")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (end("error", NO), True),
        (
            end(
                "error", ErrorView("shop.OtherError", "late"), ErrorView("ValueError", "no, not today", link="context")
            ),
            True,
        ),
        (end("error", ErrorView("ValueError", "yes")), False),
        (end("ok"), False),
        (end("hang", NO), False),
        (end("stopped", NO), None),
        (end("interrupted"), None),
    ],
)
def test_the_verdict_compares_outcome_and_error(what: End, expected: bool | None) -> None:
    program = declared(Expectation("error", error="ValueError: no"))
    assert verdict(program, "here", what) is expected
    assert verdict(program, "elsewhere", what) is None


def test_of_a_run_to_which_something_was_done_nothing_is_declared_unless_the_incident_does_it() -> None:
    program = declared(Expectation("ok", schedule="il1:4=x:t2"))
    end = End("crash", "00000000", "", "il1:7=e", 7)
    assert verdict(program, "here", end) is None
    assert verdict(program, "here", replace(end, schedule="il1:4=x:t2")) is False
    assert verdict(program, "here", replace(end, schedule="il1:4=c2")) is False


SHIPPED = Expectation("error", error="ValueError: no", schedule="il1:2=c2,9=c3")


@pytest.mark.parametrize(
    ("outcome", "schedule", "natural", "expected"),
    [
        ("ok", "il1:2=c2,9=c3", False, False),
        ("ok", "il1:2=c2", False, False),  # it ended before the schedule did
        ("ok", "il1:2=c2,9=c3", True, None),  # nothing held its replies
        ("ok", "il1:2=c2,6=c1", False, None),  # got away
        ("silent", "il1:", False, None),  # another mask
        ("error", "il1:", False, True),
        ("error", "il1:", True, True),
    ],
)
def test_a_failure_is_declared_for_the_schedule_that_is_shipped(
    outcome: str, schedule: str, natural: bool, expected: bool | None
) -> None:
    program = declared(SHIPPED)
    tasks = (TaskOutcome("t1", "main", "error", errors=(NO,)),) if outcome == "error" else ()
    assert verdict(program, "here", End(outcome, "", "", schedule, 7, tasks), natural=natural) is expected


@pytest.mark.parametrize(
    ("expectation", "outcome", "schedule", "status", "said"),
    [
        (SHIPPED, "error", "il1:2=c2,9=c3", 0, "The incident declares this for"),
        (SHIPPED, "ok", "il1:2=c2,9=c3", 1, "The incident declares another end"),
        (SHIPPED, "error", "il1:6=c1", 0, "The incident declares this for"),
        (SHIPPED, "ok", "il1:6=c1", 1, "The incident declares another end"),
        (Expectation("ok"), "ok", "il1:6=c1", 0, "The incident declares this for"),
        (None, "ok", "il1:6=c1", 0, ""),
        (None, "error", "il1:6=c1", 1, ""),
        (SHIPPED, "invalid", "il1:6=c1", 2, ""),
    ],
)
def test_the_exit_status_of_a_run_says_whether_it_ended_as_declared_also_in_another_order(
    expectation: Expectation | None, outcome: str, schedule: str, status: int, said: str
) -> None:
    program = declared(expectation)
    tasks = (TaskOutcome("t1", "main", "error", errors=(NO,)),) if outcome == "error" else ()
    end = End(outcome, "", "", schedule, 7, tasks)
    target = Target(FOLDER, Incident("one", "One", FOLDER), program)
    result = Result(target, "here", None, end, verdict(program, "here", end))
    assert result.status == status
    assert said in as_text(result)


@pytest.mark.parametrize("schedule", ["il1:", "il1:2=c2"])
def test_that_all_goes_well_is_declared_for_every_schedule(schedule: str) -> None:
    program = declared(Expectation("ok"), kind="fix")
    assert verdict(program, "here", End("ok", "", "", schedule, 7)) is True
    assert verdict(program, "here", End("silent", "", "", schedule, 7)) is False
    probe = replace(program, kind="probe")
    otherwise = None if "=" in schedule else False
    assert verdict(probe, "here", End("silent", "", "", schedule, 7)) is otherwise
