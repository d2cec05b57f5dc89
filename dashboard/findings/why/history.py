"""What happened when: a run's steps folded into the few facts that an explanation needs.

A `History` takes steps one by one and keeps no frame but the last, so that a long run can be read in pieces.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import TypeVar

from interlock.frame import Choice
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import Step

STILL = 2**31  # the last step of a spot that was not left
_QUIET = frozenset({"stdout", "stderr", "log", "task-created"})


T = TypeVar("T")


@dataclass(frozen=True)
class Fact:
    """An event and where in the run it stands: facts compare by that."""

    step: int
    index: int
    event: Event

    def before(self, other: Fact) -> bool:
        return (self.step, self.index) < (other.step, other.index)


@dataclass(frozen=True)
class Spot:
    """A line of the program where a task held still, from one step to another, inside the same sessions."""

    first: int
    last: int
    place: Place | None
    sessions: tuple[str, ...]
    waits: str = ""
    since: int = 0  # the step in which it began to wait for that
    leaving: bool = False  # it waits for a block's `__aexit__`
    calls: tuple[Place, ...] = ()  # the program's own calls that led to the line, outermost first


@dataclass(frozen=True)
class Pooled:
    """From this step on a connection is out of the pool or in it, in a transaction or not."""

    step: int
    checked_out: bool
    transaction: str


class History:
    """The fold. `facts` are in the order in which they happened."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.spots: dict[str, list[Spot]] = {}  # by task
        self.pooled: dict[str, list[Pooled]] = {}  # by connection
        self.blocks: list[tuple[int, str, tuple[str, ...]]] = []  # step, who waits for a lock, whom it waits for
        self.shared: dict[str, tuple[int, tuple[str, ...]]] = {}  # session -> first step with several tasks inside
        self.sessions: dict[str, int] = {}  # session -> the step that first showed it
        self.chosen: dict[int, Choice] = {}  # by step: choices that would not have been made anyway
        self.woke: dict[int, tuple[str, ...]] = {}  # by step, for those choices
        self.behind: dict[int, str] = {}  # by step: how far behind the replica was when it began, in words
        self.replicas: set[str] = set()  # connections that lead to it
        self.names: dict[str, str] = {}
        self.parents: dict[str, str | None] = {}
        self.begun: dict[str, tuple[int, Place | None]] = {}  # task -> the step that first showed it, where it was made
        self.last = Step(-1, Frame(0.0))
        self._leaving: dict[str, bool] = {}  # by key of a stack
        self._calls: dict[str, tuple[Place, ...]] = {}  # likewise
        self._blocked: dict[str, tuple[str, ...]] = {}

    def add(self, step: Step) -> None:
        for index, event in enumerate(step.events):
            if event.kind not in _QUIET:
                self.facts.append(Fact(step.number, index, event))
        for key, stack in step.stacks.items():
            own = max((at for at, place in enumerate(stack) if place.ours), default=-1)
            self._leaving[key] = any(place.function.endswith("__aexit__") for place in stack[own + 1 :])
            self._calls[key] = tuple(place for place in stack if place.ours)[:-1]
        if step.choice is not None and not (step.choice.default and step.choice.offered):
            self.chosen[step.number], self.woke[step.number] = step.choice, step.woke
        lags = [choice.text for choice in self.last.frame.choices if choice.kind == "replica"]
        if lags and not (step.choice is not None and step.choice.kind == "replica"):
            self.behind[step.number] = lags[0].rpartition(": ")[2]
        self._add_tasks(step)
        self._add_connections(step)
        for session in step.frame.sessions:
            self.sessions.setdefault(session.id, step.number)
            if len(session.tasks) > 1:
                self.shared.setdefault(session.id, (step.number, session.tasks))
        self.last = step

    def _add_tasks(self, step: Step) -> None:
        for task in _others(step.frame.tasks, self.last.frame.tasks):
            self.names[task.id], self.parents[task.id] = task.name, task.parent
            self.begun.setdefault(task.id, (step.number, task.begun))
            spots = self.spots.setdefault(task.id, []) if task.state == "waiting" else self.spots.get(task.id, [])
            before = spots.pop() if spots and spots[-1].last == STILL else None
            leaving = self._leaving.get(task.stack, False)
            since = before.since if before and before.waits == task.waits else step.number
            calls = self._calls.get(task.stack, ())
            here = Spot(step.number, STILL, task.place, task.sessions, task.waits, since, leaving, calls)
            waiting = task.state == "waiting"
            if before and waiting and _where(before) == _where(here):
                here = replace(here, first=before.first)
            elif before:
                spots.append(replace(before, last=step.number - 1))
            if waiting:
                spots.append(here)

    def _add_connections(self, step: Step) -> None:
        for one in _others(step.frame.connections, self.last.frame.connections):
            if one.replica:
                self.replicas.add(one.id)
            now = Pooled(step.number, one.checked_out, one.transaction)
            known = self.pooled.setdefault(one.id, [])
            if not known or replace(known[-1], step=step.number) != now:
                known.append(now)
            if one.blocked_by != self._blocked.get(one.id, ()):
                self._blocked[one.id] = one.blocked_by
                if one.blocked_by:
                    self.blocks.append((step.number, one.id, one.blocked_by))

    @property
    def natural(self) -> bool:
        """Nobody chose: its steps are samples of what went on, and between two of them there was more."""
        return self.last.number > 0 and self.last.choice is None

    # Questions -----------------------------------------------------------------------

    def told(self, *kinds: str, **like: str | None) -> Iterator[Fact]:
        """The facts of these kinds whose events have these values."""
        for fact in self.facts:
            if fact.event.kind in kinds and all(getattr(fact.event, name) == value for name, value in like.items()):
                yield fact

    def spot(self, task: str, step: int) -> Spot | None:
        """Where a task held still at a step; None where it had not begun or was over."""
        return next((spot for spot in reversed(self.spots.get(task, ())) if spot.first <= step <= spot.last), None)

    def inside(self, session: str, step: int) -> list[str]:
        """The tasks inside a call of a session at a step."""
        return [task for task in self.spots if (spot := self.spot(task, step)) and session in spot.sessions]

    def place(self, task: str, step: int) -> Place | None:
        """The line in which a task acted in a step: where it stands, else, if that step ended it, where it stood."""
        spot = self.spot(task, step) or self.spot(task, step - 1)
        return spot.place if spot else None

    def calls(self, task: str, step: int) -> tuple[Place, ...]:
        """The program's own calls that led to that line, outermost first."""
        spot = self.spot(task, step) or self.spot(task, step - 1)
        return spot.calls if spot else ()

    def line(self, fact: Fact) -> Place | None:
        """The line by which a task did what an event of a session tells."""
        return fact.event.place or self.place(fact.event.task or "", fact.step)

    def within(self, task: str, step: int, session: str | None) -> Place | None:
        """The line of a session's call by which a task did something to it in a step; None if it stood in none."""
        spots = (self.spot(task, at) for at in (step, step - 1))
        return next((spot.place for spot in spots if spot and session in spot.sessions), None)

    def state(self, connection: str, step: int) -> Pooled | None:
        return next((one for one in reversed(self.pooled.get(connection, ())) if one.step <= step), None)

    def family(self, task: str) -> list[str]:
        """A task and those made by it, and by those."""
        found = [task]
        for child, parent in self.parents.items():  # in the order in which they were made
            if parent in found:
                found.append(child)
        return found

    def name(self, task: str | None) -> str:
        return f"“{self.names.get(task or '', task or 'nobody')}”"

    def all(self, tasks: Iterable[str]) -> list[str]:
        return [self.name(task) for task in tasks]

    def under(self, task: str | None, parent: str) -> bool:
        """Whether a task is this one, or was begun by it or by one that it began."""
        while task is not None and task != parent:
            task = self.parents.get(task)
        return task is not None

    def root(self, task: str) -> str:
        """The task with which it began: the program's own, or that of a request."""
        while parent := self.parents.get(task):
            task = parent
        return task

    def raised(self, task: str) -> int | None:
        """The step in which a task ended."""
        return next((fact.step for fact in self.told("task-ended", task=task)), None)

    def met(self, task: str, raising: Iterable[Place], sources: Mapping[str, str]) -> int | None:
        """The step in which a task met the error that its lines `raising` raised; it may have cleaned up after it.

        While it did so it stood in an `except` or `finally` of the line that raised, or left its `async with`.
        """
        step = self.raised(task)
        lines = {(place.file, place.function): place.line for place in raising}
        for spot in reversed(self.spots.get(task, ())) if step else ():
            line = lines.get((spot.place.file, spot.place.function)) if spot.place else None
            if spot.place is None or line is None or line == spot.place.line:
                break
            if not _cleans_up(sources.get(spot.place.file, ""), line, spot.place.line, spot.leaving):
                break
            step = spot.first
        return step


def _where(spot: Spot) -> tuple[object, ...]:
    return spot.place, spot.calls, spot.sessions


def _others(now: tuple[T, ...], before: tuple[T, ...]) -> list[T]:
    """What is not the very same object as a step ago: nothing changed in what is."""
    known = {id(one) for one in before}
    return [one for one in now if id(one) not in known]


def handled(source: str, line: int) -> tuple[int, int] | None:
    """Of a line in an `except`, the lines of its `try`, from which an error had come; None of any other line."""
    tries = [node for node in ast.walk(_parsed(source)) if isinstance(node, ast.Try)]  # inner ones after outer ones
    bodies = [one.body for one in tries if any(_spans(handler.body, line) for handler in one.handlers)]
    return (bodies[-1][0].lineno, bodies[-1][-1].end_lineno or bodies[-1][-1].lineno) if bodies else None


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # recorded under a Python that reads more than this one
        return ast.Module([], [])


def _cleans_up(source: str, raising: int, line: int, leaving: bool) -> bool:
    """Whether a line of a source cleans up after another one has raised."""
    for node in ast.walk(_parsed(source)):
        if not isinstance(node, (ast.Try, ast.AsyncWith)) or not _spans(node.body, raising):
            continue
        if isinstance(node, ast.AsyncWith):
            found = leaving and node.lineno <= line < node.body[0].lineno
        else:
            found = any(_spans(body, line) for body in [*(one.body for one in node.handlers), node.finalbody])
        if found:
            return True
    return False


def _spans(body: list[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)
