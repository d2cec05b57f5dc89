"""Which worker has which run in its hands, and what workers that went away left behind.

A worker shows that it lives by an advisory lock under its key, held by a connection that lives as long as the worker:
when the worker dies, however it dies, the server lets go of the lock.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from dashboard.store.server import Server
from dashboard.store.tables import ACTIVE
from dashboard.store.tables import OVER
from dashboard.store.tables import run as run_table
from dashboard.store.tables import stack as stack_table

TAKE_LOCK = "select pg_advisory_lock(%s)"

_ALIVE = sa.text("""
select classid::bigint << 32 | objid::bigint as key
from pg_locks
where locktype = 'advisory' and objsubid = 1 and granted
  and database = (select oid from pg_database where datname = current_database())
""").columns(sa.column("key", sa.BigInteger))

_JOBS = sa.table("procrastinate_jobs", sa.column("task_name"), sa.column("status"), sa.column("args", JSONB))
PATIENCE = 10  # seconds in which what is queued may get its job


class Custody(Server):
    def claim(self, run_id: int, worker: int) -> bool:
        """Take a queued run into a worker's hands; False if it is not queued (any more)."""
        queued = sa.and_(run_table.c.id == run_id, run_table.c.status == "queued")
        taken = {"status": "starting", "worker": worker, "litter": True, "started": sa.func.now()}
        with self.transaction() as tx:
            return tx.execute(sa.update(run_table).where(queued).values(taken)).rowcount == 1

    def abandoned_runs(self, worker: int, held: Collection[int]) -> list[int]:
        """Runs whose worker is gone, and those of `worker` that it does not hold."""
        active = run_table.c.status.in_(ACTIVE)
        with self.reading() as tx:
            query = sa.select(run_table.c.id).where(active, left(run_table, "id", worker, held))
            return list(tx.scalars(query.order_by(run_table.c.id)))

    def taken_runs(self, held: Collection[int]) -> list[int]:
        """Of the runs that a worker holds, those that others have ended."""
        with self.reading() as tx:
            query = sa.select(run_table.c.id).where(run_table.c.id.in_(held), run_table.c.status.in_(OVER))
            return list(tx.scalars(query))

    def abandoned_stacks(self, worker: int, held: Collection[str]) -> list[str]:
        """The same for stacks that are being installed."""
        active = stack_table.c.state == "installing"
        with self.reading() as tx:
            return list(
                tx.scalars(sa.select(stack_table.c.name).where(active, left(stack_table, "name", worker, held)))
            )

    def forgotten_runs(self) -> list[int]:
        """Runs that are queued, and no job is there to play them."""
        with self.reading() as tx:
            return list(tx.scalars(forgotten(run_table, "play_run", "run_id")))

    def littered_runs(self) -> list[int]:
        """Runs that are over and whose schema may still be in the lab."""
        over = run_table.c.status.in_(OVER)
        with self.reading() as tx:
            return list(tx.scalars(sa.select(run_table.c.id).where(run_table.c.litter, over)))

    def tidied(self, run_id: int) -> None:
        """Note that the run's schema is no longer in the lab."""
        with self.transaction() as tx:
            tx.execute(sa.update(run_table).where(run_table.c.id == run_id).values(litter=False))


def left(table: sa.Table, key: str, worker: int, held: Collection[object]) -> sa.ColumnElement[bool]:
    """Rows that belong to a worker which is gone; or to this one, which does not have them (any more)."""
    gone = table.c.worker.is_(None) | table.c.worker.not_in(sa.select(_ALIVE.subquery().c.key))
    return gone | ((table.c.worker == worker) & table.c[key].not_in(held))


def forgotten(table: sa.Table, task: str, argument: str) -> sa.Select[tuple[int]]:
    """Ids of rows that are queued, but have no job in the queue that would begin them.

    `argument` is the name under which such a job has the id.
    """
    waited = table.c.created < sa.func.now() - sa.func.make_interval(0, 0, 0, 0, 0, 0, PATIENCE)
    begins = sa.exists().where(
        _JOBS.c.task_name == task,
        sa.cast(_JOBS.c.status, sa.Text).in_(("todo", "doing")),
        _JOBS.c.args[argument].astext == sa.cast(table.c.id, sa.Text),
    )
    return sa.select(table.c.id).where(table.c.status == "queued", waited, sa.not_(begins)).order_by(table.c.id)
