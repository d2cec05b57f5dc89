"""How a run ended: each task, the chained tracebacks, the rules of the data, and how to have it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import groupby

from dashboard.presenters import words
from dashboard.presenters.words import Mark
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import InvariantOutcome
from interlock.frame import Place

_LINKS = {
    "cause": "which was raised because of it, as the direct cause of:",
    "context": "and while that was being handled, another was raised:",
}


@dataclass(frozen=True)
class Frames:
    """Calls that follow each other in a stack, all ours or all a library's; `library` names whose."""

    ours: bool
    library: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class ErrorBlock:
    """One error of a chain. `first` is where it began: later ones are its consequences, and often mask it."""

    type: str
    message: str
    first: bool
    last: bool
    leads: str  # how it leads to the next one
    frames: tuple[Frames, ...]


@dataclass(frozen=True)
class TaskEnd:
    id: str
    name: str
    mark: Mark
    text: str
    chain: tuple[ErrorBlock, ...]  # in the order of time: where it began comes first


@dataclass(frozen=True)
class Rule:
    name: str
    mark: Mark
    detail: str


@dataclass(frozen=True)
class Outcome:
    mark: Mark
    summary: str
    detail: str
    signature: str
    tasks: tuple[TaskEnd, ...]
    rules: tuple[Rule, ...]
    schedule: str
    command: str
    duration: str
    output_dropped: int
    expected: bool | None
    place: Place | None

    @property
    def raised(self) -> tuple[TaskEnd, ...]:
        return tuple(task for task in self.tasks if task.chain)


def outcome(end: End, *, incident: str, program: str, stack: str, expected: bool | None) -> Outcome:
    return Outcome(
        mark=words.OUTCOMES.get(end.outcome) or words.unknown(end.outcome),
        summary=end.summary,
        detail=end.detail,
        signature=end.signature,
        tasks=tuple(
            TaskEnd(
                task.id,
                task.name,
                words.TASK_STATES.get(task.outcome) or words.unknown(task.outcome),
                words.error(task.errors[0].type, task.errors[0].message) if task.errors else task.value,
                chain(task.errors),
            )
            for task in end.tasks
        ),
        rules=tuple(_rule(one) for one in end.invariants),
        schedule=end.schedule,
        command=command(incident, program, stack, end.schedule),
        duration=words.milliseconds(end.duration_ms),
        output_dropped=end.output_dropped,
        expected=expected,
        place=end.place,
    )


def command(incident: str, program: str, stack: str, schedule: str) -> str:
    """The line that gives this run again, on any machine that has Interlock."""
    words = ("interlock", "run", f"{incident}/{program}", "--stack", stack, "--schedule", schedule)
    return shlex.join(words)


def chain(errors: tuple[ErrorView, ...]) -> tuple[ErrorBlock, ...]:
    """A chain as it came about: from where it began to what was raised in the end."""
    blocks = []
    for index in range(len(errors) - 1, -1, -1):
        error = errors[index]
        blocks.append(
            ErrorBlock(
                type=error.type,
                message=error.message,
                first=index == len(errors) - 1,
                last=index == 0,
                leads=_LINKS.get(error.link, "") if index else "",
                frames=_frames(error.stack),
            )
        )
    return tuple(blocks)


def _frames(stack: tuple[Place, ...]) -> tuple[Frames, ...]:
    def owner(place: Place) -> tuple[bool, str]:
        return (True, "") if place.ours else (False, place.file.split("/", 1)[0])

    return tuple(Frames(ours, library, tuple(places)) for (ours, library), places in groupby(stack, owner))


_RULES = {True: Mark("holds", "✓", "good"), False: Mark("broken", "✕", "bad"), None: Mark("not checked", "?", "warn")}


def _rule(one: InvariantOutcome) -> Rule:
    return Rule(one.name, _RULES[one.holds], one.detail)
