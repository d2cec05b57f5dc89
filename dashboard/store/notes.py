"""Notes at the steps of runs. They belong to the people who look at a run, not to its journal."""

from __future__ import annotations

from dataclasses import fields

import sqlalchemy as sa

from dashboard.store.errors import UnknownRun
from dashboard.store.records import Note
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import note as note_table
from dashboard.store.tables import run as run_table

_NOTE = [note_table.c[f.name] for f in fields(Note)]


class Notes(Server):
    """Every change raises the run's revision, so that its pages hear of it as they hear of a step."""

    def notes(self, run_id: int) -> list[Note]:
        """The notes of a run, in the order of its steps."""
        c = note_table.c
        there = sa.and_(c.run_id == run_id, c.deleted.is_(None))
        with self.reading() as tx:
            rows = tx.execute(sa.select(*_NOTE).where(there).order_by(c.step, c.id)).mappings()
            return [Note(**row) for row in rows]

    def add_note(self, run_id: int, step: int, text: str, *, actor: str = "") -> int:
        values = {"run_id": run_id, "step": step, "text": clean(text), "actor": clean(actor)}
        with self.transaction() as tx:
            if not _touch(tx, run_id):
                raise UnknownRun(run_id)
            note_id: int = tx.scalars(sa.insert(note_table).values(values).returning(note_table.c.id)).one()
            return note_id

    def change_note(self, run_id: int, note_id: int, text: str) -> bool:
        """Give a note another text. Returns False if there is no such note."""
        return self._update(run_id, note_id, {"text": clean(text)})

    def delete_note(self, run_id: int, note_id: int) -> bool:
        return self._update(run_id, note_id, {"deleted": sa.func.now()})

    def restore_note(self, run_id: int, note_id: int) -> bool:
        """Undo the deletion of a note. Returns False if there is no such note."""
        return self._update(run_id, note_id, {"deleted": None})

    def _update(self, run_id: int, note_id: int, values: dict[str, object]) -> bool:
        mine = sa.and_(note_table.c.id == note_id, note_table.c.run_id == run_id)
        with self.transaction() as tx:
            found = tx.execute(sa.update(note_table).where(mine).values(values)).rowcount == 1
            if found:
                _touch(tx, run_id)
            return found


def _touch(tx: sa.Connection, run_id: int) -> bool:
    """Announce that the run's page has changed: the update fires the trigger that raises `rev`. False: no such run."""
    return tx.execute(sa.update(run_table).where(run_table.c.id == run_id).values(rev=run_table.c.rev)).rowcount == 1
