"""What happened within a step, in its order; and what the program wrote."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.findings.why.failure import passed_on
from dashboard.presenters import words
from dashboard.presenters.words import Names
from interlock.frame import OUTPUT
from interlock.frame import Event
from interlock.frame import Step
from interlock.frame import TaskView

_SYMBOLS = {
    "task-created": "+",
    "task-ended": "■",
    "sent": "→",
    "reply": "←",
    "opened": "+",
    "closed": "×",
    "failed": "✕",
    "orphan": "⚠",
    "fault": "⚡",
    "timer": "◷",
    "request": "⇒",
    "response": "⇐",
    "replica": "⇉",
    "parted": "≠",
    "escape": "≈",
    "rule": "§",
}
_LOUD = {
    "orphan": "loud",
    "failed": "bad",
    "fault": "warn",
    "parted": "warn",
    "escape": "warn",
    "stderr": "warn",
    "warning": "warn",
    "unraisable": "bad",
}


@dataclass(frozen=True)
class EventLine:
    kind: str
    symbol: str
    tone: str
    text: str
    task: str
    connection: str
    line: str  # "broken.py:21"


@dataclass(frozen=True)
class OutputLine:
    step: int
    stream: str
    tone: str
    task: str
    text: str
    new: bool  # written in the step that is shown


def events(step: Step, names: Names) -> tuple[EventLine, ...]:
    """Everything but output, which has a panel of its own."""
    return tuple(_event(one, names) for one in step.events if one.kind not in OUTPUT)


def output(written: list[tuple[int, Event]], names: Names, shown: int) -> tuple[OutputLine, ...]:
    """What the program wrote up to the step that is shown, oldest first."""
    return tuple(
        OutputLine(
            number, one.kind, _LOUD.get(one.kind, "quiet"), names.task(one.task), one.text.rstrip("\n"), number == shown
        )
        for number, one in written
    )


def _event(event: Event, names: Names) -> EventLine:
    return EventLine(
        kind=event.kind.replace("-", " "),
        symbol=_SYMBOLS.get(event.kind, "·"),
        tone=_LOUD.get(event.kind, "quiet"),
        text=names.text(_short(event)),
        task=names.task(event.task),
        connection=names.connection(event.connection),
        line=f"{event.place.file}:{event.place.line}" if event.place and event.place.ours else "",
    )


def unheard(step: Step) -> str:
    """When the program hears of a backend that was ended while nobody waited for it: not at once.

    If somebody waited, the choices would have the notice, as the reply.
    """
    choices = step.frame.choices  # none: the run is over
    if step.choice is None or step.choice.kind != "terminate" or not choices:
        return ""
    told = any(one.kind == "reply" and one.connection == step.choice.connection for one in choices)
    return "" if told else "; the program hears of it at its next statement there"


def _short(event: Event) -> str:
    """Without the link and the wrapping that SQLAlchemy adds to what a task raised, and a statement of which all is
    said by its name.
    """
    if event.kind == "task-ended":
        return words.driver_first(event.text.partition(" (Background on this error at")[0])
    said, _, statement = event.text.partition(": ")
    return said if event.kind == "sent" and said.startswith(f"{statement} on ") else event.text


def raised_in(step: Step | None) -> tuple[str, ...]:
    """What raised in this step, each error once: it passes from a task to the one that began and awaits it."""
    raised: dict[str, list[TaskView]] = {}
    for task in step.frame.tasks if step is not None else ():
        if task.moved and task.state == "error" and task.errors:
            raised.setdefault(words.error(task.errors[0].type, task.errors[0].message, 160), []).append(task)
    return tuple(_raised(error, tasks) for error, tasks in raised.items())


def _raised(error: str, tasks: list[TaskView]) -> str:
    errors = {task.errors[0] for task in tasks}  # of very many tasks there are few
    passing = [one for one in tasks if any(passed_on(one.errors[0], other) for other in errors)]
    parents = {one.parent for one in tasks if one not in passing}
    also = [one for one in tasks if one.id in parents and one not in passing]
    named = ([one for one in tasks if one not in passing and one not in also], also, passing)
    names, also_named, through = (", ".join(f"“{task.name}”" for task in some) for some in named)
    besides = [f"and so did {also_named}"] * bool(also) + [f"{through} passed it on"] * bool(through)
    return f"{names} raised {error}" + (f" ({'; '.join(besides)})" if besides else "")
