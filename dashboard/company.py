"""Who watches a run and who leads, as a web process knows it: read at most twice a second, written every few seconds.

The truth is in the store. What is kept here is only what makes a hundred polls a second cost a few questions to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from dashboard.person import Person
from dashboard.store import Audience
from dashboard.store import Store

FRESH = 0.5  # seconds for which what was read is shown again
NOTED = 8.0  # seconds for which somebody counts as noted: well below what the store takes for silence
MOST = 10_000


class Company:
    """Who is at which run. May be used from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted: dict[tuple[int, str], tuple[float, Person]] = {}
        self._read: dict[int, tuple[float, Audience]] = {}
        self._lock = Lock()

    def note(self, store: Store, run_id: int, person: Person) -> None:
        """This person has the run's page open."""
        key, now = (run_id, person.id), self._clock()
        with self._lock:
            noted_at, as_whom = self._noted.get(key, (now - NOTED, None))
            if as_whom == person and now - noted_at < NOTED:
                return
            if len(self._noted) >= MOST:
                self._noted.clear()
            self._noted[key] = (now, person)
            if as_whom != person:
                self._read.pop(run_id, None)
        store.seen(run_id, person.id, person.name, viewer=person.viewer)

    def of(self, store: Store, run_id: int, person: Person | None = None) -> Audience:
        """Who watches, as of at most `FRESH` seconds ago. Read anew for a person who leads: they must never be told
        of a step that they have left.
        """
        now = self._clock()
        with self._lock:
            read_at, audience = self._read.get(run_id, (now - FRESH, None))
        if audience is not None and now - read_at < FRESH and not _leads(audience, person):
            return audience
        audience = store.audience(run_id)
        with self._lock:
            if len(self._read) >= MOST:
                self._read.clear()
            self._read[run_id] = (now, audience)
        return audience

    def went(self, store: Store, run_id: int, person: Person, step: int | None) -> None:
        """This person has gone to a step (None: the newest). If they lead, the pages of the others go there too."""
        if _leads(self.of(store, run_id), person):
            store.lead_to(run_id, person.id, step)
            self.forget(run_id)

    def forget(self, run_id: int) -> None:
        """Read anew who watches this run, when it is asked for next."""
        with self._lock:
            self._read.pop(run_id, None)


def _leads(audience: Audience, person: Person | None) -> bool:
    return person is not None and any(one.leads and one.person == person.id for one in audience.watchers)
