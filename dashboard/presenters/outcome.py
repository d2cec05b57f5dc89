"""How a run ended: each task with its traceback, the rules of the data, and how to have it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from dataclasses import replace

from dashboard.findings.why.failure import passed_on
from dashboard.presenters import words
from dashboard.presenters.few import TASKS
from dashboard.presenters.few import few
from dashboard.presenters.few import hidden
from dashboard.presenters.tracebacks import ErrorBlock
from dashboard.presenters.tracebacks import chain
from dashboard.presenters.words import Mark
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import Frame
from interlock.frame import InvariantOutcome
from interlock.frame import Place


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
    hidden: str  # how many tasks that returned are not among them, in words
    rules: tuple[Rule, ...]
    schedule: str
    command: str
    replays: bool  # what stands in `command` gives this very run again; a natural run has no schedule
    duration: str
    output_dropped: int
    escapes: tuple[str, ...]  # what the run passed that replay does not control
    expected: bool | None
    place: Place | None
    raised: tuple[TaskEnd, ...]  # the one that is explained first


def raised(frame: Frame) -> tuple[TaskEnd, ...]:
    """The tasks that have raised so far, while the run is not over; last those that an error only passed through."""
    tasks = [one for one in frame.tasks if one.errors]
    errors = {one.errors[0] for one in tasks}
    tasks.sort(key=lambda task: any(passed_on(task.errors[0], other) for other in errors))
    return tuple(_task(one.id, one.name, one.state, one.value, one.errors) for one in tasks)


def outcome(
    end: End, *, incident: str, program: str, stack: str, mode: str, expected: bool | None, explained: str = ""
) -> Outcome:
    """The end of a run; `explained` names the task whose error the explanation is about."""
    tasks = tuple(_task(one.id, one.name, one.outcome, one.value or one.cancelled, one.errors) for one in end.tasks)
    shown = few(tasks, TASKS, lambda task: task.mark != words.TASK_STATES["value"])
    mark = words.OUTCOMES.get(end.outcome) or words.unknown(end.outcome)
    if end.outcome == "ok" and not end.invariants:
        mark = replace(mark, meaning="No task failed. Its incident has no rules for the data, so none was checked.")
    return Outcome(
        mark=mark,
        summary=end.summary,
        detail=end.detail,
        signature=end.signature,
        tasks=shown,
        hidden=hidden(task=len(tasks) - len(shown)),
        rules=tuple(_rule(one) for one in end.invariants),
        schedule=end.schedule,
        command=command(incident, program, stack, None if mode == "natural" else end.schedule),
        replays=mode != "natural",
        duration=words.milliseconds(end.duration_ms),
        output_dropped=end.output_dropped,
        escapes=end.escapes,
        expected=expected,
        place=end.place,
        raised=tuple(sorted((task for task in tasks if task.chain), key=lambda task: task.name != explained)),
    )


def _task(id_: str, name: str, state: str, value: str, errors: tuple[ErrorView, ...]) -> TaskEnd:
    return TaskEnd(
        id=id_,
        name=name,
        mark=words.TASK_STATES.get(state) or words.unknown(state),
        text=words.error(errors[0].type, errors[0].message) if errors else value,
        chain=chain(errors),
    )


def command(incident: str, program: str, stack: str, schedule: str | None) -> str:
    """The line that gives this run again, on any machine that has Interlock; without a schedule a natural run."""
    how = ("--natural",) if schedule is None else ("--schedule", schedule)
    return shlex.join(("interlock", "run", f"{incident}/{program}", "--stack", stack, *how))


_RULES = {True: Mark("holds", "✓", "good"), False: Mark("broken", "✕", "bad"), None: Mark("not checked", "?", "warn")}


def _rule(one: InvariantOutcome) -> Rule:
    return Rule(one.name, _RULES[one.holds], one.detail)
