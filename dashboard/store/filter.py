"""Which runs a filter means, as conditions of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from dashboard.store.records import RunFilter
from dashboard.store.tables import note as note_table
from dashboard.store.tables import pin as pin_table
from dashboard.store.tables import run as run_table

SEARCHED = ("id", "incident", "program", "stack", "schedule", "seed", "title", "actor", "signature", "summary")
TOOK = {
    "0.2s": timedelta(milliseconds=200),
    "1s": timedelta(seconds=1),
    "10s": timedelta(seconds=10),
    "1min": timedelta(minutes=1),
    "longer": None,
}
"""How long a run took: up to that, and more than the one before."""
STARTED = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "older": None,
}
"""How long ago it was asked for, in the same way."""
PINNED = sa.select(pin_table.c.run_id)
NOTED = sa.select(note_table.c.run_id).where(note_table.c.deleted.is_(None))

_c = run_table.c


def _class(value: sa.ColumnElement[Any], bounds: Mapping[str, timedelta | None]) -> sa.ColumnElement[str]:
    """The name of the first bound that is not below a value; null for null."""
    whens = [(value <= bound if bound is not None else value.is_not(None), name) for name, bound in bounds.items()]
    return sa.case(*whens)


FACETS: Mapping[str, sa.ColumnElement[Any]] = {
    "incident": _c.incident,
    "stack": _c.stack,
    "outcome": _c.outcome,
    "mode": _c.mode,
    "isolation": _c.isolation,
    "status": _c.status,
    "took": _class(_c.ended - _c.started, TOOK),
    "started": _class(sa.func.now() - _c.created, STARTED),
    "kept": sa.case((_c.id.in_(PINNED), "pinned"), (_c.id.in_(NOTED), "noted")),
}
"""What a list of runs is filtered by, with how many there are of each."""


def matching(filter: RunFilter) -> list[sa.ColumnElement[bool]]:
    """What holds for the runs that match."""
    wanted = {f.name: getattr(filter, f.name) for f in fields(filter) if f.name not in ("search", "upto")}
    found = [FACETS.get(name, _c.get(name)) == value for name, value in wanted.items() if value is not None]
    if filter.search:
        text = sa.func.concat_ws(" ", *(_c[name] for name in SEARCHED))
        found.append(text.icontains(filter.search, autoescape=True))
    if filter.upto is not None:
        found.append(_c.id <= filter.upto)
    return found
