"""Revisions of runs as this process last read them, so that a poll with nothing new costs no question to the store."""

from __future__ import annotations

import threading
from collections.abc import Callable

MOST = 1000  # runs; beyond that all are forgotten and read again


class Revisions:
    """A cache that is right as long as it hears of every change: `heard` must be called for each announcement, and with
    None whenever one may have been missed. `listening` tells whether announcements come through now.
    """

    def __init__(self, listening: Callable[[], bool]) -> None:
        self._listening = listening
        self._lock = threading.Lock()
        self._known: dict[int, int] = {}
        self._changes = 0

    def heard(self, run_id: str | None) -> None:
        """A run has changed, or (None) anything may have."""
        with self._lock:
            self._changes += 1
            if run_id is None:
                self._known.clear()
            else:
                self._known.pop(int(run_id), None)

    def get(self, run_id: int, read: Callable[[], int]) -> int:
        """The revision of a run: what is known of it, else what `read` says."""
        with self._lock:
            changes, known = self._changes, self._known.get(run_id)
        if known is not None and self._listening():
            return known
        rev = read()
        with self._lock:
            # Had anything been announced since, what was read might be older than that.
            if changes == self._changes and self._listening():
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[run_id] = rev
        return rev
