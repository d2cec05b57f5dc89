"""The lab's replica as a worker keeps it: started when the first run needs it, there until the worker ends."""

from __future__ import annotations

import threading

from dashboard.config import Settings
from dashboard.servers import cluster
from dashboard.servers import lab


class Replica:
    """At most one replica. `url` and `close` may be called from any thread, and may take seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._one_at_a_time = threading.Lock()
        self._kept: _Kept | None = None

    @property
    def known(self) -> str | None:
        """Its URL, if it is there already."""
        return self._settings.replica_url or (self._kept.url if self._kept is not None else None)

    def url(self) -> str:
        """Its URL; started first if need be. Raises `ClusterError`, `LabDown`."""
        if self._settings.replica_url is not None:
            return self._settings.replica_url
        with self._one_at_a_time:
            if self._kept is not None and not self._kept.answers():
                self._kept.close()
                self._kept = None
            if self._kept is None:
                kept = _Kept(self._settings)
                kept.wait()
                self._kept = kept
            assert self._kept.url is not None
            return self._kept.url

    def close(self) -> None:
        """Stop it, if it was started here."""
        with self._one_at_a_time:
            if self._kept is not None:
                self._kept.close()
                self._kept = None


class _Kept:
    """A replica and the thread that it depends on: the kernel ends a server with the thread that started it."""

    def __init__(self, settings: Settings) -> None:
        self.url: str | None = None
        self._settings = settings
        self._error: Exception | None = None
        self._there = threading.Event()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="interlock-replica", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        self._there.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def answers(self) -> bool:
        assert self.url is not None
        try:
            lab.check(self.url)
        except lab.LabDown:
            return False
        return True

    def close(self) -> None:
        self._enough.set()
        self._thread.join()

    def _keep(self) -> None:
        try:
            with cluster.replica(self._settings, cluster.WORKER) as url:
                self.url = url
                self._there.set()
                self._enough.wait()
        except Exception as error:
            self._error = error  # whoever waits for it raises it
        finally:
            self._there.set()
