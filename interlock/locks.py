"""Who took which `asyncio.Lock`: asyncio does not know, so `acquire()` notes it.

Only the class is touched, and only so far that it takes a note; nothing here keeps a lock alive. Of a lock that a
program makes by itself, on a future or an event, nothing is known.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from typing import Optional

from interlock.loop import current_label
from interlock.loop import current_spot
from interlock.origins import Spot
from interlock.probe import Suspended
from interlock.probe import local


class Locks:
    """Knows of each lock who took it last, and where: while it is locked, that one has it."""

    def __init__(self) -> None:
        self._took: weakref.WeakKeyDictionary[asyncio.Lock, tuple[str, Optional[Spot]]] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Take notes from now on, for the rest of the process."""
        acquire, took = asyncio.Lock.acquire, self._took

        @functools.wraps(acquire)
        async def noting(lock: asyncio.Lock) -> bool:
            await acquire(lock)
            label = current_label()
            if label is not None:
                took[lock] = label, current_spot()
            else:
                took.pop(lock, None)
            return True

        asyncio.Lock.acquire = noting  # type: ignore[method-assign, assignment]

    def holder(self, lock: Optional[asyncio.Lock]) -> Optional[tuple[str, Optional[Spot]]]:
        """The task that has a lock, and the line where it took it; None if nobody has, or it is not known."""
        return self._took.get(lock) if lock is not None and lock.locked() else None


def awaited(chain: Suspended) -> Optional[weakref.ref[asyncio.Lock]]:
    """The lock that a waiting task is to be given next, if that is what it waits for. Not kept alive."""
    last = chain.frames[-1] if chain.frames else None
    lock = local(last, "self") if last is not None and last.f_code.co_name == "acquire" else None
    return weakref.ref(lock) if isinstance(lock, asyncio.Lock) else None
