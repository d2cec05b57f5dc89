"""The list of runs as people look through it: filtered, sorted, in pages, with how many there are of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from dashboard.store.filter import FACETS
from dashboard.store.filter import PINNED
from dashboard.store.filter import matching
from dashboard.store.history import note
from dashboard.store.records import RunFilter
from dashboard.store.records import RunRow
from dashboard.store.server import Server
from dashboard.store.tables import pin as pin_table
from dashboard.store.tables import run as run_table

_c = run_table.c
_ROW = [_c[f.name] for f in fields(RunRow)]
SORTS: Mapping[str, tuple[sa.ColumnElement[object], ...]] = {
    "run": (_c.id,),
    "program": (_c.incident, _c.program),
    "stack": (_c.stack,),
    "mode": (_c.mode, _c.seed),
    "steps": (_c.steps,),
    "outcome": (sa.func.coalesce(_c.outcome, _c.status),),
    "took": (_c.ended - _c.started,),
    "started": (_c.created,),
}


@dataclass(frozen=True)
class Listed:
    """A page of runs."""

    rows: tuple[RunRow, ...]
    total: int  # that match the filter
    facets: Mapping[str, Mapping[str, int]]  # how many there would be of each, the rest of the filter as it is
    pinned: frozenset[int]  # of the rows
    newest: int  # of all runs there are
    newer: int  # that match, and came in after those that are listed


class RunLists(Server):
    def listed(self, filter: RunFilter, sort: str = "run", *, down: bool = True, offset: int = 0, limit: int) -> Listed:
        order = [column.desc().nulls_last() if down else column.asc().nulls_last() for column in SORTS[sort]]
        page = sa.select(*_ROW).where(*matching(filter)).order_by(*order, _c.id.desc()).offset(offset).limit(limit)
        with self.reading() as tx:
            rows = tuple(RunRow(**row) for row in tx.execute(page).mappings())
            facets: dict[str, dict[str, int]] = {name: {} for name in FACETS}
            total = 0
            for name, value, number in tx.execute(_counts(filter)):
                if name is None:
                    total = number
                elif value is not None:
                    facets[name][value] = number
            ids = [row.id for row in rows]
            pinned = frozenset(tx.scalars(PINNED.where(pin_table.c.run_id.in_(ids))))
            newest, newer = tx.scalar(sa.select(sa.func.max(_c.id))) or 0, 0
            if filter.upto is not None and filter.upto < newest:
                later = (*matching(replace(filter, upto=None)), _c.id > filter.upto)
                newer = tx.scalar(sa.select(sa.func.count()).select_from(run_table).where(*later)) or 0
        return Listed(rows, total, facets, pinned, newest, newer)

    def pin(self, ids: list[int], actor: str, *, on: bool) -> None:
        """Have retention keep these runs, or no longer."""
        with self.transaction() as tx:
            for run_id in ids:
                if on:
                    known = sa.select(_c.id, sa.literal(actor)).where(_c.id == run_id, _c.id.not_in(PINNED))
                    changed = tx.execute(sa.insert(pin_table).from_select(["run_id", "actor"], known)).rowcount
                else:
                    changed = tx.execute(sa.delete(pin_table).where(pin_table.c.run_id == run_id)).rowcount
                if changed:
                    note(tx, actor, "pin" if on else "unpin", f"run:{run_id}")


def _counts(filter: RunFilter) -> sa.CompoundSelect[Any]:
    """In one walk over the runs: how many there are of each combination; all the counts are sums of these."""
    narrow = replace(filter, **dict.fromkeys(FACETS))
    each = sa.select(*(column.label(name) for name, column in FACETS.items())).where(*matching(narrow)).subquery()
    combined = sa.select(*each.c, sa.func.count().label("number")).group_by(*each.c)
    found = combined.cte("found").prefix_with("materialized")

    def others(but: str) -> list[sa.ColumnElement[bool]]:
        wanted = {name: getattr(filter, name) for name in FACETS if name != but}
        return [found.c[name] == value for name, value in wanted.items() if value is not None]

    number = sa.cast(sa.func.coalesce(sa.func.sum(found.c.number), 0), sa.BigInteger)
    none = sa.null().cast(sa.Text)
    counts = [sa.select(none, none, number).where(*others(""))]
    for name in FACETS:
        column = found.c[name]
        counts.append(sa.select(sa.literal(name), column, number).where(*others(name)).group_by(column))
    return sa.union_all(*counts)
