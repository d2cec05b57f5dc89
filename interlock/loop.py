"""The stepped event loop: asyncio's own, whose selector asks the gate whenever nothing is left to run.

All through asyncio's public interface:

* `_run_once` calls `selector.select(timeout)` with a timeout other than 0 exactly when no callback is ready: that is
  quiescence, and there the gate decides what the outside world does next.
* `time()` is the gate's virtual clock, so timers fire when the gate moves the clock and not before.
* `create_connection` and `create_unix_connection` give the program a `Link`; no name is resolved, no host reached.
* `call_at` is the one door for timers; the gate keeps its own list of them.
* The task factory numbers tasks in order of creation. Their hash is that number, since asyncio walks sets of tasks
  (`TaskGroup`, `wait`), and sets of objects hashed by address are walked in another order each time.
* A program may name the loop, the policy or the kind of task it wants; `take_over` has asyncio's names mean ours.

But for one thing: asynchronous generators that are left open are kept in such a set too, by address, and `asyncio.run`
closes them in its order. The loop has one that keeps to the order in which they were begun.
"""

from __future__ import annotations

import asyncio
import os
import re
import selectors
import sys
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import NamedTuple
from typing import Optional
from typing import Protocol

from interlock import origins
from interlock.link import Link


@dataclass(frozen=True)
class Timer:
    """A `call_at`: when, and what for. Holds nothing that would not be there without it."""

    handle: weakref.ref[asyncio.TimerHandle]
    when: float
    callback: str  # the qualified name of what it calls
    futures: tuple[weakref.ref[Any], ...]  # those that it is to settle or cancel, as far as can be told

    def pending(self, clock: float) -> bool:
        """Whether it is still to fire."""
        handle = self.handle()
        return handle is not None and not handle.cancelled() and self.when > clock

    def settles(self) -> list[int]:
        """The ids of those futures that are still there: whoever waits for one, or is one, waits for this timer."""
        return [id(future) for future in (ref() for ref in self.futures) if future is not None]


class World(Protocol):
    """What the loop needs of the gate."""

    @property
    def clock(self) -> float: ...

    def quiescent(self, poll: Callable[[float], list[Any]]) -> list[Any]: ...
    def loop_beginning(self) -> None: ...
    def next_task_number(self) -> int: ...
    def timer_set(self, timer: Timer) -> None: ...
    def task_created(self, task: SteppedTask, coro: Any) -> Optional[str]: ...
    def task_done(self, task: Any) -> None: ...
    def open(self, loop: asyncio.AbstractEventLoop, tag: str) -> Link: ...
    def loop_closing(self) -> None: ...
    def in_thread(
        self, loop: asyncio.AbstractEventLoop, begin: Callable[[], asyncio.Future[Any]]
    ) -> asyncio.Future[Any]: ...
    def job_changed(self, by: int) -> None: ...


class QuietSelector(selectors.DefaultSelector):
    """A selector that never sleeps by itself: it asks the world what happens next."""

    world: Optional[World] = None

    def select(self, timeout: Optional[float] = None) -> list[Any]:
        events = super().select(0)
        if events or self.world is None or (timeout is not None and timeout <= 0):
            return events
        return self.world.quiescent(super().select)


class Cancel(NamedTuple):
    """Who asked for a task to be cancelled: in words, or else the line of the program and the task that was there."""

    words: str
    spot: Optional[origins.Spot] = None
    task: str = ""


class SteppedTask(asyncio.Task):  # type: ignore[type-arg]  # not subscriptable at run time in Python 3.8-style bases
    """A task with a number that is the same in every replay.

    A *helper* is a task that a library makes for its own purposes (asyncpg connects in one, on some Pythons; SQLAlchemy
    closes a session in one): what it does counts as done by the task it acts for.
    """

    name_for: Optional[Callable[[str], str]] = None  # from a coroutine's name to one that no task has yet

    def __init__(self, coro: Any, *, loop: Any = None, name: Any = None, **kwargs: Any) -> None:
        loop = loop or asyncio.get_event_loop()
        current = asyncio.current_task(loop) if loop.is_running() else None
        creator = current if isinstance(current, SteppedTask) else None
        self.number: int = loop.world.next_task_number()  # before Task.__init__, which puts self into a set
        self.parent: Optional[str] = creator.acts_for if creator is not None else None
        asked: Asked = loop.asked or _asked()
        (self.is_helper, self.begun), loop.asked = asked, None
        self.acts_for: Optional[str] = self.parent if self.is_helper else self.label
        self.cancels: list[Cancel] = []  # who asked for it, each once
        called = loop.world.task_created(self, coro)  # before Task.__init__, in which an eager one sets to work
        super().__init__(coro, loop=loop, name=called if name is None else name, **kwargs)
        if called:
            self.add_done_callback(loop.world.task_done)  # the first one: whoever awaits the task runs after it
        self.set_name(name)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    def set_name(self, value: object) -> None:
        if value is None:  # some Pythons pass on that no name was given, after the factory has found one
            return
        path = _FUNCTION.fullmatch(str(value))
        super().set_name(self.name_for(path[1]) if path and self.name_for else value)

    @property
    def label(self) -> str:
        return f"t{self.number}"

    def cancel(self, msg: Any = None) -> bool:
        if _cancelling:
            return self._cancel(Cancel(f"with “{_cancelling[-1].get_name()}”, which awaited it"), msg)
        by, spot = origins.canceller()
        current = asyncio.current_task(self.get_loop())
        return self._cancel(Cancel(f"by {by}" if by else "", spot, current.get_name() if current else ""), msg)

    def uncancel(self) -> int:
        """A timeout takes back what it asked for, once it has caught it: it was not why the task ended."""
        left: int = super().uncancel()  # there from Python 3.11 on, and nobody calls it before
        if not left:
            self.cancels.clear()
        return left

    def cancel_from_outside(self) -> None:
        """As a fault does."""
        self._cancel(Cancel("from outside"), None)

    def _cancel(self, by: Cancel, msg: Any) -> bool:
        _cancelling.append(self)
        try:
            asked = super().cancel(msg)
        finally:
            _cancelling.pop()
        if asked and by not in self.cancels:
            self.cancels.append(by)
        return asked


_cancelling: list[SteppedTask] = []  # the tasks whose `cancel` is being carried out: it passes to what they await


_FUNCTION = re.compile(r"\w+(?:\.\w+|\.<locals>)*\.(\w+)")
"""What AnyIO names a task that was given no name: the whole path of its function."""

SteppedTask.__name__ = "Task"  # asyncio's own messages name the class, and should read as they do elsewhere


Asked = tuple[bool, Optional[origins.Spot]]  # whether a library asked for a task, and where the program did
_LIBRARIES = (f"{os.sep}asyncpg{os.sep}", f"{os.sep}sqlalchemy{os.sep}")
_PASSED_THROUGH = (str(Path(asyncio.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep)


def _made_by_library() -> bool:
    """Whether the task being created right now is asyncpg's or SQLAlchemy's idea, not the program's.

    Whoever called asyncio counts: `wait_for(session.execute(...))` in a program makes a task of the program's.
    """
    frame: Optional[types.FrameType] = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED_THROUGH):
        frame = frame.f_back
    return frame is not None and any(name in frame.f_code.co_filename for name in _LIBRARIES)


def _asked() -> Asked:
    return _made_by_library(), origins.spot()


def current_label() -> Optional[str]:
    """Label of the task that runs right now, or of the one it acts for."""
    task = _current()
    return task.acts_for if task is not None else None


def current_spot() -> Optional[origins.Spot]:
    """The line of the program that runs right now; of a helper the one for which it was made."""
    found, task = origins.spot(), _current()
    return task.begun if found is None and task is not None and task.is_helper else found


def _current() -> Optional[SteppedTask]:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop is running
        return None
    return task if isinstance(task, SteppedTask) else None


class _Begun(weakref.WeakKeyDictionary):  # type: ignore[type-arg]
    """As much of a weak set as asyncio needs for its generators, walked in the order in which they were added."""

    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)


class SteppedLoop(asyncio.SelectorEventLoop):
    """See the module's text. A program that makes its own loop may name a selector; ours takes its place."""

    world: World
    asked: Optional[Asked] = None

    def __new__(cls, *args: Any, **kwargs: Any) -> SteppedLoop:
        cls.world.loop_beginning()
        return super().__new__(cls)

    def __init__(self, selector: Optional[selectors.BaseSelector] = None) -> None:
        quiet = QuietSelector()
        super().__init__(quiet)
        self._asyncgens = _Begun()
        quiet.world = self.world
        self.set_task_factory(None)

    def create_task(self, coro: Any, **kwargs: Any) -> Any:
        self.asked = _asked()  # here, since a factory of the program's may make it
        try:
            return super().create_task(coro, **kwargs)
        finally:
            self.asked = None

    def set_task_factory(self, factory: Any) -> None:
        super().set_task_factory(factory or _make_task)

    def time(self) -> float:
        return self.world.clock

    # The variadic types of call_at and run_in_executor in typeshed need Python 3.11.
    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        name = getattr(callback, "__qualname__", type(callback).__name__)
        inside = getattr(getattr(callback, "__self__", None), "_task", None)  # of asyncio.timeout, which cancels it
        futures = tuple(weakref.ref(arg) for arg in (*args, inside) if asyncio.isfuture(arg))
        self.world.timer_set(Timer(weakref.ref(handle), handle.when(), name, futures))
        return handle

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **kwargs: Any) -> Any:
        return await self._open(protocol_factory, f"{host}:{port}")

    async def create_unix_connection(self, protocol_factory: Any, path: Any = None, **kwargs: Any) -> Any:
        return await self._open(protocol_factory, str(path))

    async def _open(self, protocol_factory: Any, tag: str) -> Any:
        link = self.world.open(self, tag)
        protocol = protocol_factory()
        link.set_protocol(protocol)
        made = self.create_future()
        self.call_soon(protocol.connection_made, link)
        self.call_soon(_settle, made)
        await made
        return link, protocol

    async def start_tls(self, transport: Any, protocol: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(transport, Link):
            transport.set_protocol(protocol)
            return transport
        return await super().start_tls(transport, protocol, *args, **kwargs)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        return self.world.in_thread(self, lambda: super(SteppedLoop, self).run_in_executor(executor, func, *args))

    async def shutdown_default_executor(self, *args: Any) -> None:
        self.world.job_changed(+1)
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self.world.job_changed(-1)

    def close(self) -> None:
        if not self.is_closed() and not self.is_running():
            self.world.loop_closing()
        super().close()


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> SteppedTask:
    return SteppedTask(coro, loop=loop, **kwargs)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class SteppedPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes every new event loop a stepped one, so that an untouched `asyncio.run` gets it."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return SteppedLoop()


def take_over(world: World) -> None:
    """From now on whatever loop, policy or task is asked of asyncio by its name is ours."""
    SteppedLoop.world = world
    names: dict[str, Any] = {"Task": SteppedTask, "DefaultEventLoopPolicy": SteppedPolicy}
    names.update(dict.fromkeys(("SelectorEventLoop", "EventLoop"), SteppedLoop))
    if sys.version_info >= (3, 12):
        names["eager_task_factory"] = asyncio.create_eager_task_factory(SteppedTask)
    vars(asyncio).update(names)
    asyncio.set_event_loop_policy(SteppedPolicy())
