"""What it takes to play a run: its program, its interpreter, and the job for the engine."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.catalogue.folders import incident_dirs
from dashboard.catalogue.incidents import Program
from dashboard.config import Settings
from dashboard.store import ExplorationRow
from dashboard.store import RunRow
from interlock.job import Job


class Unplayable(Exception):
    """A run cannot be begun; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """Everything a run needs to be played."""

    program: Program
    python: str  # the stack's interpreter
    job: Job


def schema_of(run_id: int) -> str:
    """The run's own schema in the lab."""
    return f"run_{run_id}"


def schema_of_exploration(exploration_id: int) -> str:
    """The schema in which the runs of an exploration follow one another."""
    return f"exploration_{exploration_id}"


def plan(settings: Settings, run: RunRow) -> Plan:
    """Look up what a run names. Raises `Unplayable`."""
    found = _plan(settings, run)
    job = replace(
        found.job,
        schema=schema_of(run.id),
        mode=run.mode,
        schedule=run.schedule,
        seed=run.seed,
        follow=run.follow,
        pictures=found.program.kind != "timing" or run.mode != "natural",
    )
    return replace(found, job=job)


def plan_exploration(settings: Settings, wanted: ExplorationRow) -> Plan:
    """The same for an exploration. Its job is made for all runs; each gets its own `follow` and `schedule` later."""
    found = _plan(settings, wanted)
    if found.program.kind == "timing":
        raise Unplayable("This program measures time on the plain network; there is no order to choose.")
    return replace(found, job=replace(found.job, schema=schema_of_exploration(wanted.id)))


def _plan(settings: Settings, run: RunRow | ExplorationRow) -> Plan:
    if settings.lab_url is None:
        raise Unplayable("No lab is known to this worker. Set INTERLOCK_LAB_URL, or start it with `interlock serve`.")
    incident = incidents.find(incident_dirs(settings), run.incident)
    if incident is None:
        raise Unplayable(f"There is no incident {run.incident!r} any more. Was its folder moved or renamed?")
    program = incident.program(run.program)
    if program is None:
        have = ", ".join(program.name for program in incident.programs) or "none"
        raise Unplayable(f"The incident {run.incident} has no program {run.program!r}; it has: {have}.")
    try:
        stack = stacks.find(settings, run.stack)
    except stacks.StackError as error:
        raise Unplayable(str(error)) from error
    if not stack.installed:
        raise Unplayable(
            f"The stack {stack.name} is not installed. Install it on the page of stacks, or with "
            f"`interlock stacks install {stack.name}`, then run this again."
        )
    job = Job(
        program=str(program.path),
        lab=settings.lab_url,
        schema="",
        setup=incident.setup,
        invariants=incident.invariants,
        requests=program.requests,
        limits=program.limits,
        replica_hosts=program.replica,
    )
    return Plan(program, stack.python, job)
