"""Who has a run's page open, and who of them leads: whose step the pages of the others follow."""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as upsert

from dashboard.store.errors import UnknownRun
from dashboard.store.records import Audience
from dashboard.store.records import Watcher
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import OVER
from dashboard.store.tables import presence as presence_table
from dashboard.store.tables import run as run_table

SILENT = sa.text("interval '20 seconds'")
"""Who was not heard of for so long has left."""
FORGOTTEN = sa.text("interval '5 minutes'")
"""And after this it is no longer said that they were there, and led."""

_HERE = (presence_table.c.seen > sa.func.now() - SILENT).label("here")
_WATCHER = [_HERE if f.name == "here" else presence_table.c[f.name] for f in fields(Watcher)]


class Presence(Server):
    def audience(self, run_id: int) -> Audience:
        """Those who were heard of in the last minutes, in the order in which they came. Raises `UnknownRun`."""
        c, run = presence_table.c, run_table.c
        lately = sa.and_(c.run_id == run.id, c.seen > sa.func.now() - FORGOTTEN)
        query = (
            sa.select(run.rev, run.status, *_WATCHER)
            .select_from(run_table.outerjoin(presence_table, lately))
            .where(run.id == run_id)
            .order_by(c.since, c.person)
        )
        with self.reading() as tx:
            rows = tx.execute(query).all()
        if not rows:
            raise UnknownRun(run_id)
        rev, status = rows[0][:2]
        watchers = tuple(Watcher(*row[2:]) for row in rows if row[2] is not None)
        return Audience(rev, status in OVER, watchers)

    def seen(self, run_id: int, person: str, name: str, *, viewer: bool) -> None:
        """Note that somebody has the run's page open. Does nothing if there is no such run."""
        c = presence_table.c
        with self.passing() as tx:
            known = tx.execute(
                sa.update(presence_table)
                .where(c.run_id == run_id, c.person == person)
                .values(name=clean(name), viewer=viewer, seen=sa.func.now())
            )
            if known.rowcount:
                return
            tx.execute(sa.delete(presence_table).where(c.run_id == run_id, c.seen < sa.func.now() - FORGOTTEN))
            guest = sa.select(sa.func.coalesce(sa.func.max(c.guest), 0) + 1).where(c.run_id == run_id)
            there = sa.select(
                run_table.c.id,
                sa.literal(person),
                sa.literal(clean(name)),
                sa.literal(viewer),
                guest.scalar_subquery(),
                sa.false(),
            ).where(run_table.c.id == run_id)
            names = ["run_id", "person", "name", "viewer", "guest", "leads"]
            tx.execute(upsert(presence_table).from_select(names, there).on_conflict_do_nothing())

    def lead(self, run_id: int, person: str, step: int | None) -> bool:
        """Have this person lead from now on, and nobody else. Returns False if they are not known at this run."""
        c = presence_table.c
        with self.passing() as tx:
            # One after the other: two who press at once must not both lead.
            tx.execute(sa.select(c.person).where(c.run_id == run_id).order_by(c.person).with_for_update())
            tx.execute(sa.update(presence_table).where(c.run_id == run_id, c.leads).values(leads=False))
            mine = sa.and_(c.run_id == run_id, c.person == person)
            return tx.execute(sa.update(presence_table).where(mine).values(leads=True, step=step)).rowcount == 1

    def lead_to(self, run_id: int, person: str, step: int | None) -> bool:
        """Note where the leader has gone. Returns False, and notes nothing, if this person does not lead."""
        c = presence_table.c
        mine = sa.and_(c.run_id == run_id, c.person == person, c.leads)
        with self.passing() as tx:
            return tx.execute(sa.update(presence_table).where(mine).values(step=step)).rowcount == 1

    def stop_leading(self, run_id: int, person: str) -> None:
        c = presence_table.c
        mine = sa.and_(c.run_id == run_id, c.person == person)
        with self.passing() as tx:
            tx.execute(sa.update(presence_table).where(mine).values(leads=False, step=None))
