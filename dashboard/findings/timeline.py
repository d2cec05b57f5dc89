"""The timeline of a run: its steps folded into lanes, one for each task and one for each connection.

A pure fold: `follow(timeline, step)` gives the timeline with one more step, so a live run's grows step by step, and one
that begins in the middle of a long run is as good as any: each step holds the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import reduce

from interlock.frame import ConnectionView
from interlock.frame import Step
from interlock.frame import TaskView

WINDOW = 120
"""So many steps are shown at once; a run that is longer is shown around the step that is looked at."""

IN_FLIGHT = frozenset({"connecting", "sent", "held", "blocked"})


@dataclass(frozen=True)
class Span:
    """Something that lasts from one step to another."""

    kind: str  # of a task: wait; of a connection: statement | lock | open | failed (transactions) | orphan
    first: int  # the step that began it
    last: int | None  # the step that ended it; None: it lasts
    text: str = ""  # what is waited for, the statement, why it is an orphan
    holders: tuple[str, ...] = ()  # lock: who holds it


@dataclass(frozen=True)
class Mark:
    """Something that happened in a step."""

    step: int
    kind: str  # of a task: ran | value | error | cancelled; of a connection: orphan | closed
    text: str = ""


@dataclass(frozen=True)
class Lane:
    """All of one task, or of one connection."""

    id: str
    name: str
    kind: str  # task | connection
    first: int  # the step in which it was first seen
    last: int | None = None  # the step in which it ended
    past: tuple[Span, ...] = ()
    open: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()
    state: tuple[object, ...] = ()  # of a connection, all that its spans depend on
    replica: bool = False

    @property
    def spans(self) -> tuple[Span, ...]:
        return self.past + self.open


@dataclass(frozen=True)
class Arrow:
    """A reply that was delivered, and the task that it woke."""

    step: int
    connection: str
    task: str


@dataclass(frozen=True)
class Beat:
    """A step in a line."""

    number: int
    text: str
    kind: str  # reply | timer | replica | cancel | terminate | drop | die, "" for the program's start
    failed: bool  # a task raised in it


@dataclass(frozen=True)
class Timeline:
    """A stretch of a run."""

    beats: tuple[Beat, ...] = ()
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    arrows: tuple[Arrow, ...] = ()

    @property
    def first(self) -> int:
        return self.beats[0].number

    @property
    def last(self) -> int:
        return self.beats[-1].number


def window(at: int, last: int) -> tuple[int, int]:
    """The first and the last step that are shown around one. It moves by halves, so that stepping seldom moves it."""
    half = WINDOW // 2
    first = max(0, min(at // half * half - half // 2, last - WINDOW + 1))
    return first, min(last, first + WINDOW - 1)


def fold(steps: Iterable[Step]) -> Timeline:
    return reduce(follow, steps, Timeline())


def follow(timeline: Timeline, step: Step) -> Timeline:
    """The timeline with the step that comes next."""
    lanes = dict(timeline.lanes)
    for task in step.frame.tasks:
        known = lanes.get(task.id)
        if known is None or task.moved:
            lanes[task.id] = _task(known or Lane(task.id, task.name, "task", step.number), task, step.number)
    touched = {event.connection for event in step.events if event.kind in ("reply", "sent")}
    for connection in step.frame.connections:
        new = Lane(connection.id, connection.id, "connection", step.number, replica=connection.replica)
        known = lanes.get(connection.id) or new
        lanes[connection.id] = _connection(known, connection, step.number, connection.id in touched)
    arrows = tuple(
        Arrow(step.number, event.connection, event.task)
        for event in step.events
        if event.kind == "reply" and event.connection and event.task in step.woke
    )
    raised = any(task.state == "error" and task.moved for task in step.frame.tasks)
    beat = Beat(step.number, step.text, step.choice.kind if step.choice else "", raised)
    return Timeline((*timeline.beats, beat), lanes, timeline.arrows + arrows)


def _task(lane: Lane, task: TaskView, at: int) -> Lane:
    """It ran, or is seen for the first time: what it waited for is over, and it waits for something else or ended."""
    lane = _last(lane, "wait", at)
    if task.state == "waiting":
        if task.moved:
            lane = _marked(lane, at, "ran")
        return replace(lane, open=(Span("wait", at, None, task.waits),))
    if lane.last is not None:
        return lane
    text = f"{task.errors[0].type.rpartition('.')[2]}: {task.errors[0].message}" if task.errors else task.value
    return replace(_marked(lane, at, task.state, text), last=at)


def _connection(lane: Lane, connection: ConnectionView, at: int, touched: bool) -> Lane:
    state = (connection.state, connection.transaction, connection.blocked_by, connection.orphan)
    if lane.last is not None or (state == lane.state and not touched):
        return lane
    lane = replace(lane, state=state)
    flying = Span("statement", at, None, connection.command or "connecting")
    lane = _lasting(lane, "statement", flying if connection.state in IN_FLIGHT else None, at, anew=touched)
    lock = Span("lock", at, None, connection.command, connection.blocked_by)
    lane = _lasting(lane, "lock", lock if connection.state == "blocked" else None, at)
    for kind in ("open", "failed"):
        lane = _lasting(lane, kind, Span(kind, at, None) if connection.transaction == kind else None, at)
    orphan = Span("orphan", at, None, connection.why_orphan) if connection.orphan else None
    if orphan is not None and not any(one.kind == "orphan" for one in lane.open):
        lane = _marked(lane, at, "orphan", connection.why_orphan)
    lane = _lasting(lane, "orphan", orphan, at)
    if connection.state != "closed":
        return lane
    for span in lane.open:
        lane = _last(lane, span.kind, at)
    return replace(_marked(lane, at, "closed"), last=at)


def _lasting(lane: Lane, kind: str, now: Span | None, at: int, *, anew: bool = False) -> Lane:
    """One span of a kind at a time: it goes on while it is the same, else it ends here and another may begin."""
    before = next((one for one in lane.open if one.kind == kind), None)
    if before is not None and now is not None and before.holders == now.holders and not anew:
        return lane
    lane = _last(lane, kind, at) if before is not None else lane
    return replace(lane, open=(*lane.open, now)) if now is not None else lane


def _last(lane: Lane, kind: str, at: int) -> Lane:
    ended = tuple(replace(one, last=at) for one in lane.open if one.kind == kind)
    return replace(lane, past=lane.past + ended, open=tuple(one for one in lane.open if one.kind != kind))


def _marked(lane: Lane, at: int, kind: str, text: str = "") -> Lane:
    return replace(lane, marks=(*lane.marks, Mark(at, kind, text)))
