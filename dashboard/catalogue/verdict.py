"""Whether a run ended as its incident declares."""

from __future__ import annotations

from dashboard.catalogue.incidents import Expectation
from dashboard.catalogue.incidents import Program
from interlock import schedule
from interlock.frame import End


def verdict(program: Program, stack: str, end: End, *, natural: bool = False) -> bool | None:
    """Whether a run ended as declared for that stack.

    None where nothing is declared, the run was not let finish, or somebody did something to it. A failure is declared
    for one schedule, the shipped one: under another, or none at all, it may stay away or take another form. That all
    goes well is declared for every schedule, except for a probe, which is there to be tried in other orders too.
    """
    expected = program.expectations.get(stack)
    if expected is None or end.outcome in ("stopped", "interrupted"):
        return None
    shipped, done = schedule.parse(expected.schedule).deviations, schedule.parse(end.schedule)
    far = max((end.steps, *done.deviations))
    as_shipped = not natural and done.deviations == {at: one for at, one in shipped.items() if at <= far}
    if not as_shipped and done.faults:
        return None
    if as_declared(expected, end):
        return True
    return False if as_shipped or (expected.outcome == "ok" and program.kind != "probe") else None


def as_declared(expected: Expectation, end: End) -> bool:
    """Whether a run ended so, under whatever schedule."""
    errors = (f"{error.type}: {error.message}" for task in end.tasks for error in task.errors)
    return end.outcome == expected.outcome and (not expected.error or any(expected.error in error for error in errors))
