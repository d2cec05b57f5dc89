"""Runs that took place elsewhere: written down at once, as they were recorded, and never played here."""

from __future__ import annotations

import sqlalchemy as sa

from dashboard.store.changes import end_run
from dashboard.store.history import note
from dashboard.store.runs import Runs
from dashboard.store.runs import add
from dashboard.store.server import clean
from dashboard.store.tables import run as run_table
from interlock.frame import End
from interlock.frame import Header
from interlock.frame import Step
from interlock.journal import to_data


class Imports(Runs):
    def import_run(
        self,
        incident: str,
        program: str,
        stack: str,
        *,
        title: str,
        header: Header,
        steps: tuple[Step, ...],
        end: End,
        expected: bool | None = None,
        actor: str = "",
    ) -> int:
        """Keep a whole run, or nothing of it."""
        values = {
            "incident": clean(incident),
            "program": clean(program),
            "stack": clean(stack),
            "mode": header.mode,
            "schedule": header.schedule,
            "seed": header.seed,
            "title": clean(title),
            "actor": clean(actor),
            "status": "starting",  # nobody sees it so: all of this is one transaction
            "steps": -1,
            "litter": False,
            "header": to_data(header),
        }
        with self.transaction() as tx:
            run_id = int(tx.scalar(sa.insert(run_table).values(values).returning(run_table.c.id)) or 0)
            if steps:
                add(tx, run_id, steps, {})
            end_run(tx, run_id, end, expected)
            note(tx, actor, "import", f"run:{run_id}", f"{incident} ▸ {program} on {stack}")
        return run_id
