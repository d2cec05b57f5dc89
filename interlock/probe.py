"""What each task is doing while everything holds still: its stack, its place in the program, what it waits for.

A suspended task is a chain: its coroutine awaits another, and so on down to a future. SQLAlchemy's asyncio layer puts a
greenlet into that chain (`greenlet_spawn` runs synchronous code which awaits through it); its frames hang on the
greenlet that `greenlet_spawn` holds in a local variable, and are spliced in at that point, so that a stack reads from
the program through the ORM to the driver, as a synchronous one would.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import linecache
import os
import sys
import traceback
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Optional

from interlock.frame import ErrorView
from interlock.frame import Place
from interlock.loop import SteppedTask
from interlock.loop import Timer
from interlock.origins import Spot

MAX_STACK = 120
MAX_CHAIN = 12
VALUE_LIMIT = 300
ENGINE = tuple(  # the engine’s part in a request's stack, and in that of who makes a session, which is no part of it
    str(Path(__file__).with_name(name)) for name in ("clients.py", "observer.py")
)
MESSAGE_LIMIT = 4000


@dataclass
class Suspended:
    """A task's chain: its frames outermost first, and the future at its end.

    Not to be kept: whoever holds a frame or a future holds what is in them, and the program's objects would live longer
    than without us. What a later look is compared with is a `Mark`.
    """

    frames: list[types.FrameType]
    leaf: Any

    def mark(self) -> Mark:
        """Where the task stands, to tell later whether it has moved."""
        leaf = weakref.ref(self.leaf) if asyncio.isfuture(self.leaf) else None
        return Mark(leaf, self._places())

    def moved_since(self, mark: Optional[Mark]) -> bool:
        """Whether the task has run since then. One that waits for the very same future, at the same place, has not."""
        if mark is None or mark.leaf is None:
            return True
        return mark.leaf() is not self.leaf or mark.frames != self._places()

    def _places(self) -> list[tuple[int, int]]:
        """Each frame, by its address, with its instruction. `id()` says the same and is an audit event, which costs."""
        return [(hash(frame), frame.f_lasti) for frame in self.frames]


@dataclass(frozen=True)
class Mark:
    """Where a task stood: what it awaited, and its frames with the instruction of each."""

    leaf: Optional[weakref.ref[Any]]
    frames: list[tuple[int, int]]

    @property
    def awaited(self) -> Any:
        """The future that is still awaited there, or None. While it is not done, nothing can have woken the task."""
        leaf = self.leaf() if self.leaf is not None else None
        return leaf if leaf is not None and not leaf.done() else None


def local(frame: types.FrameType, name: str) -> Any:
    """A frame's local variable, or None. Before Python 3.13, asking leaves a copy of all of them with the frame, which
    would keep the objects alive; it is emptied again.
    """
    code = frame.f_code
    optimized = code.co_flags & inspect.CO_OPTIMIZED
    if optimized and not (name in code.co_varnames or name in code.co_freevars or name in code.co_cellvars):
        return None  # most frames have no such variable, and copying those that they have takes its time
    variables = frame.f_locals
    value = variables.get(name)
    if sys.version_info < (3, 13) and optimized:
        variables.clear()
    return value


class Sources:
    """Tells the program's own files from libraries', and reads lines."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.realpath(folder) + os.sep
        self._known: dict[str, tuple[str, bool]] = {}
        self._places: dict[tuple[str, Optional[int], str], Place] = {}
        self.seen: dict[str, str] = {}  # own files met: short name -> full path

    def place(self, filename: str, line: Optional[int], function: str) -> Place:
        """Where this is, with the text of its line. Python knows no line for some instructions; 0 then."""
        found = self._places.get((filename, line, function))
        if found is None:
            found = self._places[filename, line, function] = self._place(filename, line or 0, function)
        return found

    def own(self, spot: Optional[Spot]) -> Optional[Place]:
        """Where a call is, if it is the program's own."""
        place = self.place(*spot) if spot is not None else None
        return place if place is not None and place.ours else None

    def name(self, filename: str) -> str:
        """What a file is called: relative to the program's folder, or to where the library lies."""
        return self._name(filename)[0]

    def _place(self, filename: str, line: int, function: str) -> Place:
        short, ours = self._name(filename)
        text = linecache.getline(filename, line).strip()[:200]
        return Place(short, line, function.replace(".<locals>", ""), text, ours)

    def _name(self, filename: str) -> tuple[str, bool]:
        known = self._known.get(filename)
        if known is None and not os.path.isabs(filename):  # compiled from Cython, or frozen into the interpreter
            known = self._known[filename] = filename, False
        if known is None:
            real = os.path.realpath(filename)
            libraries = "site-packages" + os.sep
            if real.startswith(self._folder) and libraries not in real:
                known = real[len(self._folder) :], True
                self.seen[known[0]] = real
            elif libraries in real:
                known = real.rsplit(libraries, 1)[1], False
            else:
                inside = [path for path in sys.path if path and real.startswith(os.path.realpath(path) + os.sep)]
                longest = max((len(os.path.realpath(path)) + 1 for path in inside), default=0)
                known = real[longest:].lstrip(os.sep) if longest else os.path.basename(real), False
            self._known[filename] = known
        return known


def suspended(task: SteppedTask) -> Suspended:
    """Follow a waiting task's chain down to what it awaits."""
    frames: list[types.FrameType] = []
    item: Any = task.get_coro()
    while item is not None and len(frames) < MAX_STACK:
        frame = _attribute(item, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            frames.append(frame)
            if frame.f_code.co_name == "greenlet_spawn":
                frames.extend(_greenlet_frames(frame))
        elif asyncio.isfuture(item):
            return Suspended(frames, item)
        following = _attribute(item, "cr_await", "gi_yieldfrom", "ag_await")
        if following is None and not _is_coroutine(item):
            following = _inside(item)
        item = following
    return Suspended(frames, item)


def _attribute(item: Any, *names: str) -> Any:
    for name in names:
        found = getattr(item, name, _MISSING)
        if found is not _MISSING:
            return found
    return None


_MISSING = object()


def _is_coroutine(item: Any) -> bool:
    kind = type(item)  # of which nothing is asked that is an audit event
    return any(hasattr(kind, name) for name in ("cr_frame", "gi_frame", "ag_frame"))


def _inside(item: Any) -> Any:
    """What an opaque iterator of C wraps: the future behind a FutureIter, the generator behind an `asend()`."""
    for referent in gc.get_referents(item):
        if asyncio.isfuture(referent) or _is_coroutine(referent):
            return referent
    return None


def _greenlet_frames(spawn: types.FrameType) -> list[types.FrameType]:
    inner = getattr(local(spawn, "context"), "gr_frame", None)
    frames: list[types.FrameType] = []
    while inner is not None and len(frames) < MAX_STACK:
        frames.append(inner)
        inner = inner.f_back
    return frames[::-1]


def stack_of(chain: Suspended, sources: Sources) -> tuple[Place, ...]:
    """A chain's stack, outermost call first."""
    coded = ((frame, frame.f_code) for frame in chain.frames)  # asked for once, since it is an audit event
    return tuple(
        sources.place(code.co_filename, frame.f_lineno, _function(code))
        for frame, code in coded
        if code.co_filename not in ENGINE
    )


def own_place(stack: tuple[Place, ...]) -> Optional[Place]:
    """The innermost place of a stack that is in the program's own source."""
    return next((place for place in reversed(stack) if place.ours), None)


def objects_inside(chain: Suspended, cls: type) -> list[Any]:
    """The distinct `self`s of this class in whose methods a task is, outermost first."""
    found: list[Any] = []
    for frame in chain.frames:
        candidate = local(frame, "self")
        if isinstance(candidate, cls) and all(candidate is not one for one in found):
            found.append(candidate)
    return found


def awaited_by(timers: list[Timer]) -> dict[int, Timer]:
    """By id of each future that one of these timers is to settle: the first that does. Good while all holds still."""
    found: dict[int, Timer] = {}
    for timer in timers:
        for key in timer.settles():
            found.setdefault(key, timer)
    return found


_LIBRARY_WAITS = (  # the first that fits
    ("sqlalchemy/util/queue", "a free connection of the pool"),
    ("sqlalchemy/event/attr", "SQLAlchemy’s lock around the engine’s first connection"),
    ("asyncio/locks", "an asyncio lock"),
    ("asyncio/queues", "an asyncio queue"),
)


def library_wait(stack: tuple[Place, ...]) -> str:
    """What a task waits for inside a library, told from where it waits; "" if that tells nothing."""
    files = [place.file.replace(os.sep, "/") for place in stack[-8:]]
    if any(file.startswith("anyio/streams") for file in files[-4:]):
        return "what an inner task sends"
    if any(file.startswith("anyio/") for file in files[-3:]):
        leaving = any(place.function.endswith("__aexit__") for place in stack[-3:])
        return "the tasks of its group" if leaving else "an AnyIO event"
    return next((words for path, words in _LIBRARY_WAITS if any(path in file for file in files)), "")


def errors_of(
    error: BaseException, sources: Sources, clean: Callable[[str], str], began: Optional[types.CodeType] = None
) -> tuple[ErrorView, ...]:
    """An exception and its chain, as Python would print it but the last first. `began`: what its first call is in.

    Whoever awaits a task that has failed puts calls of its own before those that the exception came through, and may do
    so before we look.
    """
    views: list[ErrorView] = []
    seen: set[int] = set()
    current: Optional[BaseException] = error
    link = ""
    while current is not None and id(current) not in seen and len(views) < MAX_CHAIN:
        seen.add(id(current))
        if len(_members(current)) == 1:  # a group of one says nothing of its own: it is its member that was raised
            current = _members(current)[0]
            continue
        calls = [(frame.f_code, line) for frame, line in traceback.walk_tb(current.__traceback__)]
        first = next((at for at, (code, _) in enumerate(calls) if code is began), 0)
        stack = tuple(
            sources.place(code.co_filename, line, _function(code))
            for code, line in calls[first:]
            if code.co_filename not in ENGINE
        )
        views.append(ErrorView(type_name(type(current)), clean(_text(current)), stack[-MAX_STACK:], link))
        members = _members(current)
        if members:
            current, link = members[0], "member"
        elif current.__cause__ is not None:
            current, link = current.__cause__, "cause"
        elif current.__suppress_context__ or _only_passes(current.__context__, current) or _around(current.__context__):
            current = None
        else:
            current, link = current.__context__, "context"
    return tuple(views)


def _members(error: Optional[BaseException]) -> tuple[BaseException, ...]:
    """Those of an exception group, () for other exceptions. Told by the attribute: Python 3.10 has no groups itself."""
    members = getattr(error, "exceptions", ())
    return members if isinstance(members, tuple) else ()


def _only_passes(context: Optional[BaseException], error: BaseException) -> bool:
    """Whether an exception did not begin with its context, but was there before and came along while that was handled.

    A web framework takes it out of a group and raises it again, or once AnyIO's stream to a handler has ended.
    """
    return error in _members(context) or (context is not None and type_name(type(context)) == "anyio.EndOfStream")


def _around(context: Optional[BaseException]) -> bool:
    """Whether an exception is being handled around the event loop, by who called `asyncio.run` in an `except`.

    Python makes it the context of whatever is raised meanwhile, in any task. No task met it: who caught it is still on
    the stack beneath the loop, where no frame of a task is.
    """
    raised = context.__traceback__ if context is not None else None
    return raised is not None and any(frame is raised.tb_frame for frame, _ in traceback.walk_stack(None))


def type_name(cls: type) -> str:
    """A class as tracebacks write it: builtins bare, others with their module."""
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MESSAGE_LIMIT]
    except Exception as problem:  # a program's own __str__ may raise anything; that is worth telling, not dying of
        return f"(its text cannot be shown: {type(problem).__name__})"


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
        began = _attribute(task.get_coro(), "cr_code", "gi_code")
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


def _function(code: types.CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)
