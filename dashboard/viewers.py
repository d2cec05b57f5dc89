"""Who came by a share link: what they may see, as it was a moment ago, so that not every poll asks the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from dashboard.store import Share
from dashboard.store import Store

FRESH = 2.0  # seconds; a link that another process has revoked opens for so long
MOST = 1000


@dataclass(frozen=True)
class Viewer:
    """Somebody who may see some runs and change nothing."""

    share: Share
    runs: frozenset[int]  # the run that was shared, and those that branched from one another with it


class Viewers:
    """The viewers that were met lately. May be used from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, Viewer | None]] = {}
        self._lock = Lock()

    def of(self, store: Store, token: str) -> Viewer | None:
        """The viewer who brings this token; None if no link has it. The link may have expired: ask `share.open`."""
        now = self._clock()
        with self._lock:
            read_at, viewer = self._known.get(token, (now - FRESH, None))
        if now - read_at < FRESH:
            return viewer
        share = store.share(token)
        viewer = Viewer(share, frozenset(row.id for row in store.family(share.run_id))) if share else None
        with self._lock:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[token] = (now, viewer)
        return viewer

    def forget(self) -> None:
        """A link was revoked."""
        with self._lock:
            self._known.clear()
