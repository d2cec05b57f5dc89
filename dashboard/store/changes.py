"""Changes that several nouns of the store need, each within the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dashboard.store.errors import RunGone
from dashboard.store.server import clean
from dashboard.store.tables import OVER
from dashboard.store.tables import command as command_table
from dashboard.store.tables import run as run_table
from interlock.frame import End
from interlock.journal import to_data


def change_run(tx: sa.Connection, run_id: int, values: Mapping[str, Any]) -> None:
    """Change a run; nobody may write on one that is over."""
    open_run = sa.and_(run_table.c.id == run_id, run_table.c.status.not_in(OVER))
    if tx.execute(sa.update(run_table).where(open_run).values(values)).rowcount == 0:
        raise RunGone(f"Run {run_id} is over, nothing more can be added to it.")


def end_run(tx: sa.Connection, run_id: int, end: End, expected: bool | None = None, status: str = "ended") -> None:
    """End a run, and refuse the commands that nobody will carry out any more."""
    values: dict[str, Any] = {
        "status": status,
        "speed": None,
        "next_token": None,
        "outcome": end.outcome,
        "signature": end.signature,
        "summary": clean(end.summary),
        "expected": expected,
        "end": to_data(end),
        "ended": sa.func.now(),
    }
    if end.failed_at is not None:
        values["failed_at"] = end.failed_at
    change_run(tx, run_id, values)
    unanswered = sa.and_(command_table.c.run_id == run_id, command_table.c.done.is_(None))
    refusal = {"done": sa.func.now(), "error": "The run is over."}
    tx.execute(sa.update(command_table).where(unanswered).values(refusal))


def tell_family(tx: sa.Connection, run_id: int) -> None:
    """Announce to the pages of the runs that a run branched from, and of their branches, that their tree has changed.

    In a transaction of its own: two branches that end at once would else wait for each other.
    """
    c = run_table.c
    up = sa.select(c.id, c.parent).where(c.id == run_id).cte("up", recursive=True)
    up = up.union(sa.select(c.id, c.parent).where(c.id == up.c.parent))
    family = sa.select(up.c.id).cte("family", recursive=True)
    family = family.union(sa.select(c.id).where(c.parent == family.c.id))
    others = sa.select(c.id).where(c.id.in_(sa.select(family.c.id)), c.id != run_id)
    ids = tx.scalars(others.order_by(c.id).with_for_update()).all()
    if ids:
        tx.execute(sa.update(run_table).where(c.id.in_(ids)).values(rev=c.rev))


def settle(tx: sa.Connection, ids: Sequence[int], error: str | None = None) -> None:
    """Answer commands: carried out, or refused for a reason."""
    if ids:
        unanswered = sa.and_(command_table.c.id.in_(ids), command_table.c.done.is_(None))
        tx.execute(sa.update(command_table).where(unanswered).values(done=sa.func.now(), error=error))
