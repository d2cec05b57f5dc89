"""What many people at one run ask for at the same moment is made once.

The key says all that the answer depends on. An answer never changes, so nothing here can be wrong, only be forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Hashable
from threading import Lock

KEPT = 16

Made = tuple[bytes, str]  # a fragment, and the address of what it shows


class Shared:
    """The last answers. Of many who ask at once the first makes the answer, and the others wait for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """The answer to whoever asks with this key."""
        with self._lock:
            answer = self._kept.setdefault(key, Answer())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return answer.made(make)


class Answer:
    """One answer, made or still to be made."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: Made | None = None

    def made(self, make: Callable[[], Made]) -> Made:
        with self._lock:  # if it fails, the next one tries again
            if self._made is None:
                self._made = make()
            return self._made
