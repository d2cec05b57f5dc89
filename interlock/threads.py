"""The program's threads: while one works everything else stands still, and of those that asyncio begins one works at a
time, so that what they do has an order which is not the operating system's.

A thread is *at rest* while it waits for a future that only the loop can settle (`run_coroutine_threadsafe`, AnyIO's
`from_thread`): then the world goes on. One that waits for anything else is taken to be at rest after a while, since
what it waits for may be the loop's to do; that is a matter of time, and told.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import queue
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable
from typing import Any
from typing import Optional

from interlock.probe import local

POLL = 0.002
PATIENCE = 0.3  # seconds until a thread that waits for what cannot be told is taken to be at rest
BEAT = 10.0
_WAITS = frozenset({threading.__file__, queue.__file__})  # where a thread is that waits for another


class Result(asyncio.Future):  # type: ignore[type-arg]  # as in `loop`
    """Of a job: programs put them into sets, which are walked in another order each time if they hash by address."""

    number = 0

    def __hash__(self) -> int:
        return self.number


Result.__name__ = "Future"


class Threads:
    """Begins jobs one after the other, and waits for those at work. `others` counts work that it has not begun."""

    def __init__(self, others: Callable[[], int], escape: Callable[[str], None], beat: Callable[[str], None]) -> None:
        self._others = others
        self._escape = escape
        self._beat = beat
        self._wanted: deque[tuple[Callable[[], asyncio.Future[Any]], asyncio.Future[Any]]] = deque()
        self._numbers = itertools.count(1)
        self._begun = 0  # and not done
        self._monotonic, self._sleep = time.monotonic, time.sleep  # the real ones, whatever is done to the module later

    def want(self, begin: Callable[[], asyncio.Future[Any]], loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
        """Have a thread do something when it is its turn; what comes of it is what comes of the future of `begin`."""
        result = Result(loop=loop)
        result.number = next(self._numbers)
        self._wanted.append((begin, result))
        return result

    def move(self, poll: Callable[[float], list[Any]]) -> Optional[list[Any]]:
        """Wait until a thread tells the loop something; returns what the loop's selector has found. Once all are at
        rest, the next job is begun, which returns []; None if there is none.
        """
        since = beat_at = self._monotonic()
        while self._work():
            events = poll(POLL)
            now = self._monotonic()
            if events:
                while "busy" in _states() and self._monotonic() < now + PATIENCE:
                    self._sleep(POLL / 10)
                return events
            states = _states()
            if states.count("rests") >= self._work():
                break
            if now > since + PATIENCE and states.count("rests") + states.count("waits") >= self._work():
                self._escape("a thread waited for what cannot be told from outside, so the rest went on after a while")
                break
            if now > beat_at + BEAT:
                self._beat("a thread of the program is at work")
                beat_at = now
        return [] if self._begin() else None

    def _work(self) -> int:
        return self._begun + self._others()

    def _begin(self) -> bool:
        """Begin the next one; False if none is left."""
        while self._wanted:
            begin, result = self._wanted.popleft()
            if not result.done():
                self._begun += 1
                begin().add_done_callback(functools.partial(self._done, result))
                return True
        return False

    def _done(self, result: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
        self._begun -= 1
        if result.done():
            if not done.cancelled():
                done.exception()  # it is nobody's any more
        elif done.cancelled():
            result.cancel()
        elif (error := done.exception()) is not None:
            result.set_exception(error)
        else:
            result.set_result(done.result())


def _states() -> list[str]:
    """What each thread with work is doing: "busy"; "rests", until the loop settles its future; or "waits" for something
    else.
    """
    frames = sys._current_frames()
    states = (_state(frame) for ident, frame in frames.items() if ident != threading.get_ident())
    return [state for state in states if state]


def _state(frame: types.FrameType) -> str:
    inner, outer = frame.f_code, _outside(frame)
    if outer is None or (inner.co_name, inner.co_filename.endswith("thread.py")) == ("_worker", True):
        return ""
    if outer is frame:
        return "busy"
    if "_base.py" in outer.f_code.co_filename and outer.f_code.co_name in ("result", "exception"):
        future = local(outer, "self")
        return "busy" if future is None or future.done() else "rests"
    return "" if "anyio" in outer.f_code.co_filename and outer.f_code.co_name == "run" else "waits"


def _outside(frame: Optional[types.FrameType]) -> Optional[types.FrameType]:
    """Who called what a thread waits in."""
    while frame is not None and frame.f_code.co_filename in _WAITS:
        frame = frame.f_back
    return frame
