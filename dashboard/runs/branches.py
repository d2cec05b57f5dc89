"""Branches: runs that do as another one did up to a step, and then go another way. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.catalogue.incidents import Incident
from dashboard.findings.tally import FAILING
from dashboard.store import RunRecord
from interlock import schedule
from interlock.frame import End
from interlock.frame import Step
from interlock.schedule import Schedule


def branchable(run: RunRecord, incident: Incident | None) -> bool:
    """Whether another run can do as this one did: its replies were held, and its program is here."""
    return run.mode != "natural" and incident is not None and incident.program(run.program) is not None


def searchable(run: RunRecord, incident: Incident | None) -> bool:
    """Whether it can be asked of a run where its failure became inevitable: it failed, and another can begin as it."""
    return run.over and run.outcome in FAILING and branchable(run, incident)


def followed(end: End | None, steps: Iterable[Step]) -> Schedule:
    """The schedule that was carried out. An end tells it; of a run that goes on, its steps do."""
    if end is not None and end.schedule:
        return schedule.parse(end.schedule)
    return Schedule({step.number: step.choice.token for step in steps if step.choice and not step.choice.default})


def leaving(parent: Schedule, at: int, token: str) -> Schedule:
    """The schedule of a branch: its parent's up to step `at`, then another choice. That one is always spelled out."""
    return Schedule({step: chosen for step, chosen in parent.deviations.items() if step <= at} | {at + 1: token})


def title(step: Step, token: str) -> str:
    """What was chosen where, for people."""
    choice = next(choice for choice in step.frame.choices if choice.token == token)
    return f"after step {step.number}: {choice.text}"
