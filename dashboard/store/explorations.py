"""Explorations: what is to be tried, how far that is, and what was found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from dashboard.findings.inevitable import Found
from dashboard.findings.tally import Tally
from dashboard.store.custody import forgotten
from dashboard.store.custody import left
from dashboard.store.history import note
from dashboard.store.records import ExplorationRow
from dashboard.store.runs import HIGHEST_ID
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import EXPLORATION_CHANNEL
from dashboard.store.tables import exploration as table
from dashboard.store.tables import run as run_table
from interlock.journal import from_data
from interlock.journal import to_data

OPEN = ("queued", "running")

_c = table.c
_ROW = [_c[f.name] for f in fields(ExplorationRow) if f.name not in ("tally", "found")]


class Explorations(Server):
    def create_exploration(
        self,
        incident: str,
        program: str,
        stack: str,
        orders: int,
        seconds: int,
        *,
        actor: str = "",
        run_id: int | None = None,
    ) -> int:
        """Write down that orders are to be tried. `work.jobs.enqueue_exploration` then finds them a worker."""
        values = {
            "incident": incident,
            "program": program,
            "stack": stack,
            "run_id": run_id,
            "orders": orders,
            "seconds": seconds,
            "actor": clean(actor),
            "status": "queued",
            "progress": "",
            "cancel": False,
            "litter": False,
        }
        with self.transaction() as tx:
            made = int(tx.scalar(sa.insert(table).values(values).returning(_c.id)) or 0)
            what = f"{incident} ▸ {program} on {stack}" if run_id is None else f"continuations of run {run_id}"
            note(tx, actor, "explore", f"exploration:{made}", what)
        return made

    def exploration(self, exploration_id: int) -> ExplorationRow | None:
        if exploration_id > HIGHEST_ID:
            return None
        return next(iter(self._explorations(_c.id == exploration_id)), None)

    def explorations_of(self, run_id: int) -> list[ExplorationRow]:
        """Those of a run's continuations, newest first."""
        return self._explorations(_c.run_id == run_id)

    def latest_explorations(self, incident: str) -> list[ExplorationRow]:
        """The newest of each program of an incident on each stack."""
        each = (_c.program, _c.stack)
        newest = sa.select(_c.id).ext(distinct_on(*each)).where(_c.incident == incident, _c.run_id.is_(None))
        return self._explorations(_c.id.in_(newest.order_by(*each, _c.id.desc())))

    def wait_exploration(self, exploration_id: int, rev: int, timeout: float) -> int:
        """As `wait`, for an exploration."""

        def look() -> int:
            found = self.exploration(exploration_id)
            return found.rev if found else 0

        return self.wait_until((EXPLORATION_CHANNEL, str(exploration_id)), timeout, look, lambda now: now > rev)

    def cancel_exploration(self, exploration_id: int, actor: str) -> None:
        """Have it end. One that no worker has begun ends here; another one is ended by its worker. May be repeated."""
        mine = sa.and_(_c.id == exploration_id, _c.status.in_(OPEN), sa.not_(_c.cancel))
        waits = _c.status == "queued"
        values = {
            "cancel": True,
            "status": sa.case((waits, "cancelled"), else_=_c.status),
            "ended": sa.case((waits, sa.func.now())),
        }
        with self.transaction() as tx:
            if tx.execute(sa.update(table).where(mine).values(values)).rowcount:
                note(tx, actor, "stop", f"exploration:{exploration_id}")

    def delete_exploration(self, exploration_id: int, actor: str) -> bool:
        """Delete one that is over and has left nothing in the lab; False if it is not."""
        mine = sa.and_(_c.id == exploration_id, _c.status.not_in(OPEN), sa.not_(_c.litter))
        with self.transaction() as tx:
            done = tx.execute(sa.delete(table).where(mine)).rowcount == 1
            if done:
                note(tx, actor, "delete", f"exploration:{exploration_id}")
        return done

    # What a worker writes

    def claim_exploration(self, exploration_id: int, worker: int) -> bool:
        """Take a queued one into a worker's hands; False if it is not queued (any more)."""
        queued = sa.and_(_c.id == exploration_id, _c.status == "queued")
        taken = {"status": "running", "worker": worker, "litter": True, "started": sa.func.now()}
        with self.transaction() as tx:
            return tx.execute(sa.update(table).where(queued).values(taken)).rowcount == 1

    def tell_exploration(self, exploration_id: int, progress: str, found: Tally | Found | None = None) -> None:
        """How far it is, and what was found up to now."""
        with self.passing() as tx:
            running = sa.and_(_c.id == exploration_id, _c.status == "running")
            tx.execute(sa.update(table).where(running).values({"progress": clean(progress)} | _kept(found)))

    def finish_exploration(
        self,
        exploration_id: int,
        status: str,
        found: Tally | Found | None = None,
        *,
        error: str | None = None,
        way_out: int | None = None,
    ) -> None:
        """Write down how it ended, if nobody has, and have the pages of its run look again."""
        values = {
            "status": status,
            "error": None if error is None else clean(error),
            "way_out": way_out,
            "ended": sa.func.now(),
        }
        running = sa.and_(_c.id == exploration_id, _c.status.in_(OPEN))
        with self.transaction() as tx:
            ended = sa.update(table).where(running).values(values | _kept(found)).returning(_c.run_id)
            run_id = tx.scalar(ended)
            if run_id is not None:
                tx.execute(sa.update(run_table).where(run_table.c.id == run_id).values(rev=run_table.c.rev))

    def abandoned_explorations(self, worker: int, held: Collection[int]) -> list[int]:
        """Those whose worker is gone, and those of `worker` that it does not hold."""
        with self.reading() as tx:
            return list(tx.scalars(sa.select(_c.id).where(_c.status == "running", left(table, "id", worker, held))))

    def forgotten_explorations(self) -> list[int]:
        """Those that are queued, and no job is there to begin them."""
        with self.reading() as tx:
            return list(tx.scalars(forgotten(table, "explore", "exploration_id")))

    def littered_explorations(self) -> list[int]:
        """Those that are over and whose schema may still be in the lab."""
        with self.reading() as tx:
            return list(tx.scalars(sa.select(_c.id).where(_c.litter, _c.status.not_in(OPEN))))

    def tidied_exploration(self, exploration_id: int) -> None:
        with self.transaction() as tx:
            tx.execute(sa.update(table).where(_c.id == exploration_id).values(litter=False))

    def _explorations(self, *which: sa.ColumnElement[bool]) -> list[ExplorationRow]:
        query = sa.select(*_ROW, _c.found).where(*which).order_by(_c.id.desc())
        with self.reading() as tx:
            return [_row(dict(row)) for row in tx.execute(query).mappings()]


def _row(row: dict[str, Any]) -> ExplorationRow:
    found = row.pop("found")
    of_run = row["run_id"] is not None
    return ExplorationRow(
        **row,
        tally=from_data(Tally, found) if found is not None and not of_run else None,
        found=from_data(Found, found) if found is not None and of_run else None,
    )


def _kept(found: Tally | Found | None) -> dict[str, Any]:
    return {} if found is None else {"found": to_data(found)}
