"""Where the installation of each stack stands, with its log."""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from dashboard.store.records import StackRow
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import stack as stack_table

LOG_LIMIT = 400_000  # characters kept of a log: its end, where the error is
_STACK = [stack_table.c[f.name] for f in fields(StackRow)]


class Stacks(Server):
    def stack(self, name: str) -> StackRow | None:
        return next((stack for stack in self.stacks() if stack.name == name), None)

    def stacks(self) -> list[StackRow]:
        """What is known of stacks; one that nobody ever touched has no row."""
        with self.reading() as tx:
            return [StackRow(**row) for row in tx.execute(sa.select(*_STACK).order_by(stack_table.c.name)).mappings()]

    def set_stack(
        self,
        name: str,
        state: str,
        *,
        progress: str = "",
        error: str | None = None,
        log: str | None = None,
        worker: int | None = None,
    ) -> None:
        """Note where a stack stands; its log stays unless a new one is given."""
        with self.transaction() as tx:
            note(tx, name, state, progress=progress, error=error, log=log, worker=worker)

    def append_stack_log(self, name: str, text: str, progress: str | None = None) -> None:
        log = sa.func.right(stack_table.c.log + clean(text), LOG_LIMIT)
        values = {"log": log, "updated": sa.func.now()} | ({} if progress is None else {"progress": clean(progress)})
        with self.passing() as tx:
            tx.execute(sa.update(stack_table).where(stack_table.c.name == name).values(values))


def note(
    tx: sa.Connection,
    name: str,
    state: str,
    *,
    progress: str = "",
    error: str | None = None,
    log: str | None = None,
    worker: int | None = None,
) -> None:
    """`Stacks.set_stack` within the caller's transaction."""
    values = {
        "state": state,
        "progress": clean(progress),
        "error": None if error is None else clean(error),
        "worker": worker,
        "updated": sa.func.now(),
    }
    if log is not None:
        values["log"] = clean(log)[-LOG_LIMIT:]
    statement = upsert(stack_table).values({"log": "", **values, "name": name})
    tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
