"""Proofs that were worked out already: what the page of a finished run shows at every step is read from its steps once.

A finished run never changes, so nothing here can be wrong, only be forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.why import Clause
from dashboard.why import History
from dashboard.why import why

KEPT = 256
AT_ONCE = 50  # steps read together
LARGEST = 40_000  # steps times tasks: what is read within about a second


class Proofs:
    """The proofs of the last runs that were looked at."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Clause, ...]] = OrderedDict()
        self._lock = Lock()

    def of(self, store: Store, run: RunRecord) -> tuple[Clause, ...] | None:
        """Why a finished run ended as it did; None while it goes on, and for one too large to be read for a page."""
        if run.end is None or run.steps * max(1, len(run.end.tasks)) > LARGEST:
            return None
        with self._lock:  # of many who look at once one reads
            if run.id not in self._kept:
                self._kept[run.id] = _read(store, run)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[run.id]


def _read(store: Store, run: RunRecord) -> tuple[Clause, ...]:
    if run.end is None or run.end.outcome not in ("error", "silent", "stuck", "hang"):
        return ()
    history = History()
    for first in range(0, run.steps + 1, AT_ONCE):
        for step in store.steps(run.id, first, min(first + AT_ONCE - 1, run.steps)):
            history.add(step)
    return why(history, run.end, run.header.sources if run.header else {})
