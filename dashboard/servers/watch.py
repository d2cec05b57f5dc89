"""Looking at servers: what they are and what their sessions do. It only reads, and bounds what a look may cost."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from dashboard import sqlfiles
from dashboard.config import Settings
from dashboard.redaction import redact
from dashboard.servers import cluster

NAME = "interlock watch"
"""How our own session calls itself; it is not shown."""

CONNECT_SECONDS = 3
BOUNDS = "set default_transaction_read_only = on; set statement_timeout = '3s'; set lock_timeout = '1s'"
FRESH = 0.5  # seconds that a look serves whoever else asks: many viewers cost a server as much as one


class Unreachable(Exception):
    """A server does not answer; the message says why, without secrets."""


@dataclass(frozen=True)
class Session:
    """A row of pg_stat_activity."""

    pid: int
    began: str
    kind: str
    database: str
    role: str
    application: str
    client: str
    state: str
    wait_type: str
    wait_event: str
    state_age: float | None
    xact_age: float | None
    query: str
    blocked_by: tuple[int, ...]
    wrote: bool

    @property
    def key(self) -> str:
        """A pid used again is another session."""
        return f"{self.pid}-{self.began}"


@dataclass(frozen=True)
class Snapshot:
    """What the sessions of a server did at one moment."""

    as_of: dt.datetime
    sessions: tuple[Session, ...]


@dataclass(frozen=True)
class Facts:
    """What a server is."""

    version: str
    database: str
    role: str
    standby: bool
    uptime: float
    bytes: int
    used: int  # connections
    active: int  # of them, ours left out
    blocked: int  # of the active ones, by a lock
    open: int  # idle in a transaction
    most: int
    settings: Mapping[str, str]
    relations: Sequence[tuple[str, int]]
    replicas: Sequence[tuple[str, str, float | None]] = ()  # name, state, bytes behind
    replay: tuple[str, float | None, float | None] | None = None  # state, bytes behind, age; of a standby


@dataclass
class Watch:
    """The servers by name, and the looks at them."""

    settings: Settings
    _looks: dict[str, tuple[float, Snapshot]] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _own: threading.Lock = field(default_factory=threading.Lock)

    def servers(self) -> dict[str, str | None]:
        """Their addresses; None: that one is not running now, and starts on demand."""
        known = {
            "lab": self.settings.lab_url,
            "store": self.settings.store_url,
            "replica": self.settings.replica_url or cluster.replica_url(self.settings),
        }
        return known | dict(self.settings.watch)

    def sessions(self, name: str, url: str) -> Snapshot:
        """The sessions of a server now, or half a second ago. Raises `Unreachable`."""
        with self._own:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            made, snapshot = self._looks.get(name, (0.0, None))
            if snapshot is None or time.monotonic() - made > FRESH:
                snapshot = look(url)
                self._looks[name] = (time.monotonic(), snapshot)
            return snapshot


def look(url: str) -> Snapshot:
    with _Connection(url) as server:
        server.execute(BOUNDS)
        rows = server.execute(_query("activity", "sessions")).fetchall()
    now = rows[0]["now"]
    own = [row for row in rows if row["application"] != NAME]
    for row in own:
        del row["now"]
        row["blocked_by"] = tuple(dict.fromkeys(row["blocked_by"]))
        row["query"] = redact(row["query"])
    return Snapshot(now, tuple(Session(**row) for row in own))


def facts(url: str) -> Facts:
    with _Connection(url) as server:

        def ask(name: str) -> list[dict[str, Any]]:
            return server.execute(_query("server", name)).fetchall()

        settings = {row["name"]: row["value"] for row in ask("settings")}  # before our own change them
        server.execute(BOUNDS)
        [found] = ask("facts")
        standby = found["standby"]
        return Facts(
            **found,
            settings=settings,
            relations=[(row["name"], row["bytes"]) for row in ask("relations")],
            replicas=[] if standby else [(row["name"], row["state"], row["behind"]) for row in ask("replicas")],
            replay=next((row["state"], row["behind"], row["age"]) for row in ask("replay")) if standby else None,
        )


class _Connection:
    """A session for one look."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> psycopg.Connection[dict[str, Any]]:
        try:
            self._server = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name=NAME,
                row_factory=dict_row,
            )
        except psycopg.Error as error:
            raise _unreachable(error) from error
        return self._server

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._server.close()
        if isinstance(error, psycopg.Error):
            raise _unreachable(error) from error


def _unreachable(error: psycopg.Error) -> Unreachable:
    return Unreachable(redact(str(error).strip().split("\n")[0]))


@cache
def _query(file: str, name: str) -> str:
    text = (Path(__file__).parent / "queries" / f"{file}.sql").read_text("utf-8")
    found, wrong = sqlfiles.queries(text)
    assert not wrong, wrong
    return next(query.sql for query in found if query.name == name)
