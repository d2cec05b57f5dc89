"""Who did what: rows that are only ever added, in the transaction that does it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from dataclasses import fields

import sqlalchemy as sa

from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import history as history_table


@dataclass(frozen=True)
class HistoryEntry:
    """Something that was done."""

    id: int
    at: dt.datetime
    actor: str
    action: str
    object: str  # what it was done to: `run:42`, `stack:sqlalchemy-2.0`, or a kind alone
    text: str


@dataclass(frozen=True)
class HistoryFilter:
    """Which deeds a list shows; None: all of them."""

    action: str | None = None
    actor: str | None = None
    object: str | None = None
    search: str | None = None
    upto: int | None = None  # no newer deed than this


_DEED = [history_table.c[f.name] for f in fields(HistoryEntry)]
_COUNTED = ("action", "actor")


class History(Server):
    def note(self, actor: str, action: str, object: str, text: str = "") -> None:
        """Write down what was done, where no other method of the store does it."""
        with self.transaction() as tx:
            note(tx, actor, action, object, text)

    def history(
        self, filter: HistoryFilter, offset: int = 0, limit: int = 50
    ) -> tuple[list[HistoryEntry], int, dict[str, dict[str, int]]]:
        """Deeds that match, newest first; how many there are; and how many by action and by actor."""
        page = sa.select(*_DEED).where(*_matching(filter)).order_by(history_table.c.id.desc())
        count = sa.select(sa.func.count()).select_from(history_table).where(*_matching(filter))
        with self.reading() as tx:
            deeds = [HistoryEntry(**row) for row in tx.execute(page.offset(offset).limit(limit)).mappings()]
            total = tx.scalar(count) or 0
            counts = {name: _counts(tx, filter, name) for name in _COUNTED}
        return deeds, total, counts


def note(tx: sa.Connection, actor: str, action: str, object: str, text: str = "", *, once: bool = False) -> None:
    """Write down what was done, in the caller's transaction; `once`: unless this actor did it to this object before."""
    c = history_table.c
    values = {"actor": clean(actor), "action": action, "object": clean(object), "text": clean(text)}
    if once and tx.scalar(
        sa.select(sa.exists().where(c.object == values["object"], c.action == action, c.actor == values["actor"]))
    ):
        return
    tx.execute(sa.insert(history_table).values(values))


def _matching(filter: HistoryFilter, but: str = "") -> list[sa.ColumnElement[bool]]:
    c = history_table.c
    wanted = {name: getattr(filter, name) for name in ("action", "actor", "object") if name != but}
    found = [c[name] == value for name, value in wanted.items() if value is not None]
    if filter.upto is not None:
        found.append(c.id <= filter.upto)
    if filter.search:
        found.append(sa.func.concat_ws(" ", c.object, c.actor, c.text).icontains(filter.search, autoescape=True))
    return found


def _counts(tx: sa.Connection, filter: HistoryFilter, name: str) -> dict[str, int]:
    column = history_table.c[name]
    query = sa.select(column, sa.func.count()).where(*_matching(filter, name)).group_by(column)
    return {row[0]: row[1] for row in tx.execute(query)}
