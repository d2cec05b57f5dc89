"""Which failure a proof is about: the first one, in the task where it arose, and the step in which that task met it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import were
from dashboard.findings.why.history import History
from dashboard.findings.why.history import handled
from interlock.frame import Choice
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import Place
from interlock.frame import TaskOutcome
from interlock.words import first_line

LONGEST = 240  # letters that are told of an error
FAULTS = ("cancel", "terminate", "drop", "disconnect", "timer")
"""Choices that do something to whoever waits, a timer before a reply included."""


@dataclass(frozen=True)
class Failure:
    """The task that is explained, the error it met first, and when."""

    task: str
    error: ErrorView
    chain: tuple[ErrorView, ...]
    step: int
    handling: str  # it stood in an `except` of these lines: an error had come from there, which this one hides
    also: tuple[str, ...] = ()  # tasks that met the same in the same step

    @property
    def line(self) -> str:
        return line(self.error)

    @property
    def place(self) -> Place | None:
        """The line of the program that met it."""
        return next(reversed(_own(self.chain)), None)

    def through(self, path: str) -> list[Place]:
        return [place for one in self.chain for place in one.stack if path in place.file]


def find(history: History, end: End, sources: Mapping[str, str]) -> list[Failure]:
    """The failures, the first one first, each in the task where it arose: not in one that only awaited that task."""
    failures = []
    for task in end.tasks:
        errors = [error for error in task.errors if not error.type.endswith("CancelledError")]
        if task.outcome != "error" or not errors or _passed_on(history, task, end.tasks):
            continue
        step = history.met(task.id, _own(errors), sources)
        if step is not None:
            line = next(reversed(_own(errors)), None)
            failures.append(Failure(task.id, errors[-1], tuple(errors), step, _handled(line, sources) if line else ""))
    ended = [fact.event.task for fact in history.told("task-ended")]
    failures.sort(key=lambda one: (one.step, ended.index(one.task)))
    found: list[Failure] = []
    for one in failures:
        same = [at for at, other in enumerate(found) if (other.step, other.line) == (one.step, one.line)]
        if same:
            found[same[0]] = replace(found[same[0]], also=(*found[same[0]].also, one.task))
        else:
            found.append(one)
    return found


def _handled(place: Place, sources: Mapping[str, str]) -> str:
    """The lines whose error was being handled at a place; "" where none was."""
    lines = handled(sources.get(place.file, ""), place.line)
    return f"{place.file}:{'–'.join(map(str, dict.fromkeys(lines)))}" if lines else ""


def _own(chain: Sequence[ErrorView]) -> list[Place]:
    """The program's own lines on the way to where a chain of errors began."""
    return next(filter(None, ([place for place in one.stack if place.ours] for one in reversed(chain))), [])


def _passed_on(history: History, task: TaskOutcome, tasks: Iterable[TaskOutcome]) -> bool:
    def under(child: str) -> bool:
        parent = history.parents.get(child)
        return parent is not None and (parent == task.id or under(parent))

    lines = {line(error) for error in task.errors}
    last = line(task.errors[-1])
    return any(
        under(one.id)
        and one.errors
        and (line(one.errors[0]) in lines or any(line(error) == last for error in one.errors))
        for one in tasks
    )


def passed_on(outer: ErrorView, inner: ErrorView) -> bool:
    """Whether an error came to a task through its wait for another: its own calls, and then all those of the other."""
    same = (outer.type, outer.message) == (inner.type, inner.message)
    calls = len(inner.stack)
    return same and 0 < calls < len(outer.stack) and outer.stack[-calls:] == inner.stack


def met(history: History, failure: Failure, ended: Clause | None) -> Clause:
    """The end of the proof: the error itself, and the connection that came with it."""
    came = next((one for one in history.told("checkout", task=failure.task) if one.step == failure.step), None)
    label = came.event.connection if came else None
    given = (one for one in history.told("checkin", connection=label) if came and one.step == came.step)
    if came is not None and any(one.before(came) for one in given):
        label = None  # it had that one before, and took it once more: it did not wait for it
    waited = any(one.step == failure.step for one in history.told("reply", connection=label, task=failure.task))
    took = "woke with" if waited else "took"
    late = ", for a transaction that had ended," if ended is not None else ""
    woke = f"{took} {label}{late} and " if label else ""
    hides = f"; an error from {failure.handling} was being handled, which this one hides" if failure.handling else ""
    who, too = (failure.task, *failure.also), ""
    if label and failure.also:  # one reply came, and it woke one of them
        who, too = (failure.task,), f", and so did {listed(history.all(failure.also))}"
    over = history.raised(failure.task) or failure.step
    after = f"; it was over in step {over}, after it had cleaned up" if over > failure.step and not failure.also else ""
    return Clause(
        "met",
        failure.step,
        f"{listed(history.all(who))} {woke}met {failure.line}{too}{hides}{after}",
        (failure.task, *failure.also),
        connections=(label,) if label else (),
        place=failure.place,
        calls=tuple(_own(failure.chain)[:-1]),
    )


def awaited(history: History, end: End, failure: Failure) -> list[Clause]:
    """The task that awaited the failing one, and where: mostly the line to change, which no error names."""
    parent = next((one for one in end.tasks if one.id == history.parents.get(failure.task)), None)
    step = history.raised(parent.id) if parent is not None else None
    if parent is None or step is None or not any(line(one) == failure.line for one in parent.errors):
        return []
    inner = {(place.file, place.line) for place in _own(failure.chain)}
    place = next((one for one in reversed(_own(parent.errors)) if (one.file, one.line) not in inner), None)
    what = "passed it on" if passed_on(parent.errors[0], failure.chain[0]) else "met it too"
    text = f"{history.name(parent.id)}, which awaited {listed(history.all((failure.task, *failure.also)))}, {what}"
    return [Clause("awaited", step, text, (parent.id,), place=place)] if place else []


def left(history: History, end: End, failure: Failure) -> list[Clause]:
    """The tasks that were cancelled when it had failed, and who did that; those that had to do with the database.

    Of the same request, if it is one: others have their own ends. And only those that were cancelled first, together:
    what ended so later, or by somebody else's doing, need not have to do with this failure.
    """
    found: dict[tuple[int, str], list[str]] = {}
    did = {fact.event.task for fact in history.told("begin", "opened", "checkout", "sent")}
    for fact in history.told("task-ended"):
        task = next((one for one in end.tasks if one.id == fact.event.task and one.cancelled), None)
        beside = task is not None and history.root(task.id) == history.root(failure.task)
        if task is not None and beside and task.id in did and fact.step >= failure.step:
            found.setdefault((fact.step, task.cancelled), []).append(task.id)
    clauses = []
    for (step, by), tasks in found.items():
        more = [f"{len(tasks) - EACH} more"] if len(tasks) > EACH + 1 else []
        named = tasks[:EACH] if more else tasks
        text = f"{listed(history.all(named) + more)} {were(tasks)} cancelled {by}"
        clauses.append(Clause("left", step, text, tuple(named)))
    return clauses[:1]


def interference(history: History, failure: Failure) -> list[Clause]:
    """What whoever drove the run did to it: a fault, or a timer let go before a reply."""
    clauses = []
    for step, choice in sorted(history.chosen.items()):
        if step > failure.step or (choice.kind == "timer" and failure.task not in history.woke[step]):
            continue
        if choice.kind in FAULTS:
            clauses.append(chosen(step, choice))
    return clauses[-EACH:]


def chosen(step: int, choice: Choice) -> Clause:
    """What the schedule chose in a step, and would not have happened anyway."""
    labels = (choice.connection,) if choice.connection else ()
    return Clause("fault", step, f"the schedule chose: {choice.text}", choice.wakes, (), labels)


def line(error: ErrorView) -> str:
    """An error as the last line of a traceback has it, short."""
    message = first_line(error.message).partition(" (Background on this error at")[0]
    name = error.type.rpartition(".")[2]
    text = f"{name}: {message}" if message else name
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _from_first(failure: Failure) -> tuple[ErrorView, ...]:
    """The chain in the order in which it came about, from the error that reached the program on."""
    return next(
        (failure.chain[at::-1] for at in range(len(failure.chain) - 1, -1, -1) if _own(failure.chain[at : at + 1])), ()
    )


def method(failure: Failure) -> str:
    """The method of the session that the program called."""
    first = replace(failure, chain=_from_first(failure))
    beneath = first.through("sqlalchemy/orm/session")
    places = [one for one in first.through("sqlalchemy/ext/asyncio/session") if not one.function.endswith(".start")]
    places = places or beneath  # `async with session.begin_nested()` calls a method of its own, which calls that one
    return f"{places[0].function.rpartition('.')[2]}()" if places else "a method"
