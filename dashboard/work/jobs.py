"""What is done in the background: playing a run, exploring a program or a run, installing a stack.

Jobs wait in the store, in Procrastinate's tables. Each is enqueued in a transaction of the store, so what a page says
of it and the job itself come to be together or not at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from collections.abc import Iterator
from typing import Protocol

import sqlalchemy as sa
from procrastinate import App
from procrastinate import PsycopgConnector
from procrastinate import SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.exceptions import ConnectorException

from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.store import stacks
from dashboard.store.tables import run as run_table

RUNS = "runs"  # that go by themselves
STEPPED = "stepped"  # that mostly wait for a person, and must not keep the others waiting
EXPLORATIONS = "explorations"  # one at a time: each keeps a processor busy
INSTALLS = "installs"
PLAY_RUN = "play_run"
EXPLORE = "explore"
INSTALL_STACK = "install_stack"

_desk = App(connector=SyncPsycopgConnector())
"""Never opened, so it costs nothing: it only writes on the connections it is given."""


class Hands(Protocol):
    """Who does the work."""

    def play_run(self, run_id: int) -> Awaitable[None]: ...

    def explore(self, exploration_id: int) -> Awaitable[None]: ...

    def install_stack(self, name: str) -> Awaitable[None]: ...


def application(store_url: str, hands: Hands) -> App:
    """The queue as a worker opens it."""
    app = App(connector=PsycopgConnector(conninfo=store_url, min_size=1, max_size=6, timeout=5))
    app.task(name=PLAY_RUN, queue=RUNS)(hands.play_run)
    app.task(name=EXPLORE, queue=EXPLORATIONS)(hands.explore)
    app.task(name=INSTALL_STACK, queue=INSTALLS)(hands.install_stack)
    return app


def enqueue_run(store: Store, run_id: int) -> None:
    """Have a queued run played by the next worker that is free. Asking twice is asking once."""
    with _asked(), store.transaction() as tx:
        connection, lock = tx.connection.driver_connection, f"run {run_id}"
        stepped = tx.scalar(sa.select(run_table.c.mode == "step").where(run_table.c.id == run_id))
        queue = STEPPED if stepped else RUNS
        _desk.configure_task(PLAY_RUN, queue=queue, queueing_lock=lock, connection=connection).defer(run_id=run_id)


def enqueue_exploration(store: Store, exploration_id: int) -> None:
    """Have what is to be tried tried. Asking twice is asking once."""
    with _asked(), store.transaction() as tx:
        connection, lock = tx.connection.driver_connection, f"exploration {exploration_id}"
        task = _desk.configure_task(EXPLORE, queue=EXPLORATIONS, queueing_lock=lock, connection=connection)
        task.defer(exploration_id=exploration_id)


def enqueue_install(store: Store, name: str) -> None:
    """Have a stack installed. Asking twice is asking once."""
    with _asked(), store.transaction() as tx:
        connection, lock = tx.connection.driver_connection, f"stack {name}"
        _desk.configure_task(INSTALL_STACK, queue=INSTALLS, queueing_lock=lock, connection=connection).defer(name=name)
        stacks.note(tx, name, "queued", log="")


@contextlib.contextmanager
def _asked() -> Iterator[None]:
    """What the queue raises, in the words of the store; that a job is there already is no mistake."""
    try:
        yield
    except AlreadyEnqueued:
        pass
    except ConnectorException as error:
        raise StoreDown(error.__cause__ or error) from error
