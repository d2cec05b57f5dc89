"""The way to the store's server: the engine, the one transaction all else uses, and what a lost server is called."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

import psycopg
import sqlalchemy as sa

from dashboard.store.errors import StoreDown
from dashboard.store.listener import Listener
from dashboard.store.revisions import Revisions
from dashboard.store.tables import ANSWER_CHANNEL
from dashboard.store.tables import COMMAND_CHANNEL
from dashboard.store.tables import EXPLORATION_CHANNEL
from dashboard.store.tables import RUN_CHANNEL

CHANNELS = (RUN_CHANNEL, COMMAND_CHANNEL, ANSWER_CHANNEL, EXPLORATION_CHANNEL)
LOOK_AGAIN = 1.0  # seconds between two looks while notifications are lost
T = TypeVar("T")


class Server:
    """Transactions, and waiting for what others commit."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = engine(url)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool
        self.listener = Listener(url, CHANNELS)
        self._revisions = Revisions(lambda: self.listener.connected)

    @functools.cached_property
    def revisions(self) -> Revisions:
        """The cache of runs' revisions. It listens to announcements from its first use on."""
        self.listener.hear(RUN_CHANNEL, self._revisions.heard)
        return self._revisions

    def close(self) -> None:
        self.listener.close()
        self._engine.dispose()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction, for the methods here and for what has none."""
        with reachable(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def passing(self) -> Iterator[sa.Connection]:
        """A transaction that does not wait for the disk, for what may be lost in a crash of the server."""
        with self.transaction() as tx:
            tx.exec_driver_sql("set local synchronous_commit to off")
            yield tx

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for statements that only read, each on its own: cheaper than a transaction."""
        with reachable(), self._reader.connect() as connection:
            yield connection

    def ping(self) -> None:
        """Return if the store answers, else raise `StoreDown`."""
        with self.reading() as tx:
            tx.exec_driver_sql("select 1")

    def wait_until(
        self, watched: tuple[str, str], timeout: float, look: Callable[[], T], enough: Callable[[T], bool]
    ) -> T:
        """Look, and look again whenever something is announced, until it is enough or the time is up."""
        deadline = time.monotonic() + timeout
        changed = threading.Event()
        with self.listener.watch(*watched, changed.set):
            while True:
                changed.clear()
                seen = look()
                left = deadline - time.monotonic()
                if enough(seen) or left <= 0:
                    return seen
                changed.wait(left if self.listener.connected else min(left, LOOK_AGAIN))


def engine(url: str) -> sa.Engine:
    """An engine for a libpq URL, a socket folder in `?host=` included."""
    return sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # a store that was restarted costs a new connection, not an error
        pool_size=8,
        max_overflow=8,
        pool_timeout=10,
        connect_args={"connect_timeout": 5, "application_name": "interlock"},
    )


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """Turn errors that mean "there is no server to talk to" into `StoreDown`; all others stay as they are."""
    try:
        yield
    except sa.exc.TimeoutError as error:  # of the pool
        raise StoreDown(error) from error
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated or _means_down(error.orig):
            raise StoreDown(error.orig) from error
        raise


def _means_down(error: BaseException | None) -> bool:
    """Whether a database error means that the server is away.

    SQLSTATE classes: 08 connection; 53 too many of something; 57P stopping or starting. None: it never connected.
    """
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "53", "57P"))


def clean(text: str) -> str:
    """Text as PostgreSQL can keep it: NUL shown as its symbol, halves of surrogate pairs as question marks."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")
