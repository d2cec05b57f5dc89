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
from procrastinate.types import JSONValue

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

_enqueuer = App(connector=SyncPsycopgConnector())
"""Enqueues jobs over connections that it is given; it is never opened, and has none of its own."""


class Handlers(Protocol):
    """What carries the jobs out: the worker."""

    def play_run(self, run_id: int) -> Awaitable[None]: ...

    def explore(self, exploration_id: int) -> Awaitable[None]: ...

    def install_stack(self, name: str) -> Awaitable[None]: ...


def application(store_url: str, handlers: Handlers) -> App:
    """The queue as a worker opens it."""
    app = App(connector=PsycopgConnector(conninfo=store_url, min_size=1, max_size=6, timeout=5))
    app.task(name=PLAY_RUN, queue=RUNS)(handlers.play_run)
    app.task(name=EXPLORE, queue=EXPLORATIONS)(handlers.explore)
    app.task(name=INSTALL_STACK, queue=INSTALLS)(handlers.install_stack)
    return app


def enqueue_run(store: Store, run_id: int) -> None:
    """Have a queued run played by the next worker that is free. Enqueues one job, however often it is called."""
    with _errors(), store.transaction() as tx:
        stepped = tx.scalar(sa.select(run_table.c.mode == "step").where(run_table.c.id == run_id))
        _enqueue(tx, PLAY_RUN, STEPPED if stepped else RUNS, f"run {run_id}", run_id=run_id)


def enqueue_exploration(store: Store, exploration_id: int) -> None:
    """Have an exploration carried out. Enqueues one job, however often it is called."""
    with _errors(), store.transaction() as tx:
        _enqueue(tx, EXPLORE, EXPLORATIONS, f"exploration {exploration_id}", exploration_id=exploration_id)


def enqueue_install(store: Store, name: str) -> None:
    """Have a stack installed. Enqueues one job, however often it is called."""
    with _errors(), store.transaction() as tx:
        _enqueue(tx, INSTALL_STACK, INSTALLS, f"stack {name}", name=name)
        stacks.note(tx, name, "queued", log="")


def _enqueue(tx: sa.Connection, task: str, queue: str, lock: str, **arguments: JSONValue) -> None:
    """Enqueue a job within the caller's transaction. The queue takes one at a time with the same `lock`."""
    connection = tx.connection.driver_connection
    _enqueuer.configure_task(task, queue=queue, queueing_lock=lock, connection=connection).defer(**arguments)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turn the queue's errors into the store's. That the job is there already is no error."""
    try:
        yield
    except AlreadyEnqueued:
        pass
    except ConnectorException as error:
        raise StoreDown(error.__cause__ or error) from error
