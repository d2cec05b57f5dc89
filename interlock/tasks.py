"""The tasks of a run: what was last seen of each, and what came of it."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Optional

from interlock.exceptions import errors_of
from interlock.frame import ErrorView
from interlock.frame import Place
from interlock.loop import SteppedTask
from interlock.origins import Spot
from interlock.probe import Mark
from interlock.probe import Sources
from interlock.probe import attribute
from interlock.probe import suspended

VALUE_LIMIT = 300  # characters


def value_of(result: Any) -> str:
    """A result's repr, cut; "" for None."""
    if result is None:
        return ""
    if isinstance(result, asyncio.Task):  # whose repr tells of our own callbacks on it
        return f"task “{result.get_name()}”"
    try:
        return repr(result)[:VALUE_LIMIT]
    except Exception as problem:  # as above: a program's own __repr__
        return f"<{type(result).__name__}: its repr raised {type(problem).__name__}>"


@dataclass
class TaskRecord:
    """A task and what was last seen of it."""

    label: str
    parent: Optional[str]
    name: str
    ref: weakref.ref[SteppedTask]
    mark: Optional[Mark] = None
    state: str = "waiting"
    value: str = ""
    cancelled: str = ""
    errors: tuple[ErrorView, ...] = ()
    spot: Optional[Spot] = None  # where it was created; once looked up, as a place of the program
    begun: Optional[Place] = None
    ended: bool = False  # since the last picture
    stack: tuple[Place, ...] = ()  # at `mark`
    stack_key: str = ""
    sessions: tuple[str, ...] = ()  # labels of the sessions it is inside a call of
    lock: Optional[weakref.ref[asyncio.Lock]] = None  # that it waits for

    @property
    def called(self) -> str:
        """Its name now, which it may be given after the last picture was taken."""
        task = self.ref()
        return self.name if task is None else task.get_name()

    @property
    def waiting(self) -> Optional[SteppedTask]:
        """The task itself while it is not done."""
        task = self.ref()
        return task if task is not None and not task.done() else None


def leaf_of(record: TaskRecord, task: SteppedTask) -> Any:
    """What a waiting task awaits in the end. Of one that has not moved that is known."""
    known = record.mark.awaited if record.mark is not None else None
    return known if known is not None else suspended(task).leaf


def read_result(record: TaskRecord, task: SteppedTask, sources: Sources, clean: Callable[[str], str]) -> None:
    """Take down what came of a task that is done.

    The exception is read from the task's attribute: `Task.exception()` would mark it as retrieved, and asyncio would no
    longer complain about one that the program never looked at.
    """
    error: Optional[BaseException] = getattr(task, "_exception", None)
    if task.cancelled():
        record.state, record.cancelled = "cancelled", _cancelled(task, sources)
    elif error is not None:
        began = attribute(task.get_coro(), "cr_code", "gi_code")
        record.state, record.errors = "error", errors_of(error, sources, clean, began)
    else:
        record.state, record.value = "value", clean(value_of(task.result()))
    record.name, record.mark, record.ended = task.get_name(), None, True


def _cancelled(task: SteppedTask, sources: Sources) -> str:
    """Who asked for that, in their order; of more than two the last ones."""
    said = []
    for one in task.cancels[-2:]:
        place = sources.own(one.spot)
        who = f"by “{one.task}”" if one.task else "by the program"
        said.append(one.words or who + (f" at {place.file}:{place.line}" if place else ""))
    return " and then ".join(said)


def coroutine_name(coro: Any) -> str:
    """A readable name for a task: that of its coroutine."""
    name = getattr(coro, "__qualname__", "") or type(coro).__name__
    return str(name).rsplit(".", 1)[-1]
