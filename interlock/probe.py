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
import types
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Optional

from interlock.frame import Place
from interlock.loop import SteppedTask
from interlock.loop import Timer
from interlock.origins import Spot

MAX_STACK = 120
ENGINE = tuple(  # its part in a stack, of a request or of who makes a session or takes a lock, is not the program's
    str(Path(__file__).with_name(name)) for name in ("clients.py", "observer.py", "locks.py")
)


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
        frame = attribute(item, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            frames.append(frame)
            if frame.f_code.co_name == "greenlet_spawn":
                frames.extend(_greenlet_frames(frame))
        elif asyncio.isfuture(item):
            return Suspended(frames, item)
        following = attribute(item, "cr_await", "gi_yieldfrom", "ag_await")
        if following is None and not _is_coroutine(item):
            following = _inside(item)
        item = following
    return Suspended(frames, item)


def attribute(item: Any, *names: str) -> Any:
    """The first of these attributes that it has, or None."""
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
        sources.place(code.co_filename, frame.f_lineno, function_name(code))
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


ASYNCIO_LOCK = "an asyncio lock"
_LIBRARY_WAITS = (  # the first that fits
    ("sqlalchemy/util/queue", "a free connection of the pool"),
    ("sqlalchemy/event/attr", "SQLAlchemy’s lock around the engine’s first connection"),
    ("asyncio/locks", ASYNCIO_LOCK),
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


def function_name(code: types.CodeType) -> str:
    """A function with its class, as far as this Python knows it."""
    return getattr(code, "co_qualname", code.co_name)
