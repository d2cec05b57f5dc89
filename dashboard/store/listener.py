"""One connection per process that hears the store's NOTIFYs, and wakes whoever waits for one."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

logger = logging.getLogger(__name__)

CONNECT: dict[str, Any] = {"connect_timeout": 5, "application_name": "interlock listener"}
CHECK_EVERY = 30.0  # seconds of silence after which the connection is asked whether it still lives
RETRY_AFTER = (0.1, 0.2, 0.5, 1.0, 2.0)  # seconds; the last one repeats


class Listener:
    """Listens on some channels and calls, in its own thread, those who watch a (channel, payload).

    A call means "look again", never what happened: it also comes when the connection was lost or is back, because
    anything may have been missed in between.
    """

    def __init__(self, url: str, channels: tuple[str, ...]) -> None:
        self._url = url
        self._channels = channels
        self._watchers: dict[tuple[str, str], list[Callable[[], None]]] = defaultdict(list)
        self._hearers: list[tuple[str, Callable[[str | None], None]]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._wakeup, self._waker = socket.socketpair()
        self.connected = False

    def hear(self, channel: str, hearer: Callable[[str | None], None]) -> None:
        """Call `hearer` with every payload of a channel, and with None whenever some may have been missed."""
        with self._lock:
            self._hearers.append((channel, hearer))
            self._begin()

    @contextlib.contextmanager
    def watch(self, channel: str, payload: str, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` whenever (channel, payload) may have been announced."""
        key = (channel, payload)
        with self._lock:
            self._watchers[key].append(wake)
            self._begin()
        try:
            yield
        finally:
            with self._lock:
                self._watchers[key].remove(wake)
                if not self._watchers[key]:
                    del self._watchers[key]

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):  # closed before
            self._waker.send(b"x")
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None
        self._waker.close()
        self._wakeup.close()

    def _begin(self) -> None:
        if self._thread is None and not self._closing.is_set():
            self._thread = threading.Thread(target=self._run, name="interlock-listener", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, **CONNECT) as connection:
                    for channel in self._channels:
                        connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
                    self.connected, failures = True, 0
                    self._wake_all()
                    self._listen(connection)
            except psycopg.Error as error:
                if failures == 0:
                    logger.warning("The store's notifications are lost, trying to get them back: %s", error)
                failures += 1
            finally:
                self.connected = False
                self._wake_all()
            self._closing.wait(RETRY_AFTER[min(failures, len(RETRY_AFTER)) - 1])

    def _listen(self, connection: psycopg.Connection) -> None:
        while not self._closing.is_set():
            readable, _, _ = select.select([connection.fileno(), self._wakeup.fileno()], [], [], CHECK_EVERY)
            if not readable:
                connection.execute("select 1")
            for notify in connection.notifies(timeout=0):
                self._wake((notify.channel, notify.payload))

    def _wake(self, key: tuple[str, str]) -> None:
        with self._lock:
            watchers = list(self._watchers.get(key, ()))
            hearers = [hearer for channel, hearer in self._hearers if channel == key[0]]
        for hearer in hearers:  # before anybody looks again
            hearer(key[1])
        for wake in watchers:
            wake()

    def _wake_all(self) -> None:
        with self._lock:
            keys, hearers = list(self._watchers), list(self._hearers)
        for _, hearer in hearers:
            hearer(None)
        for key in keys:
            self._wake(key)
