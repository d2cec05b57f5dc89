"""Runs as rows of a list."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboard.catalogue.incidents import Incident
from dashboard.presenters import words
from dashboard.presenters.words import Mark
from dashboard.store.records import RunRow


@dataclass(frozen=True)
class RunLine:
    id: int
    incident: str
    incident_title: str
    known: bool  # the incident is here; the run of an imported journal may be of none
    program: str
    fix: bool  # it is one of those that its incident offers
    title: str  # what people call it
    stack: str
    isolation: str
    mode: str
    mark: Mark
    expected: bool | None
    summary: str
    steps: str
    seed: int | None
    actor: str
    when: str
    when_exactly: str
    took: str
    pinned: bool  # retention keeps it


def lines(
    rows: Iterable[RunRow], incidents: Mapping[str, Incident], now: datetime, pinned: Collection[int] = ()
) -> tuple[RunLine, ...]:
    return tuple(_line(row, incidents.get(row.incident), now, row.id in pinned) for row in rows)


def _line(row: RunRow, incident: Incident | None, now: datetime, pinned: bool) -> RunLine:
    outcome = row.outcome if row.over else None
    program = incident.program(row.program) if incident else None
    mark = words.OUTCOMES.get(outcome) if outcome else words.STATUSES.get(row.status)
    return RunLine(
        id=row.id,
        incident=row.incident,
        incident_title=incident.title if incident else row.incident,
        known=incident is not None,
        program=row.program,
        fix=program is not None and program.kind == "fix",
        title=row.title,
        stack=row.stack,
        isolation=row.isolation or "",
        mode=row.mode,
        mark=mark or words.unknown(outcome or row.status),
        expected=row.expected,
        summary=words.cut(words.driver_first(row.summary or ""), 240),
        steps=str(row.steps) if row.steps >= 0 else "",
        seed=row.seed,
        actor=row.actor,
        when=words.ago(row.created, now),
        when_exactly=words.clock(row.created),
        took=words.milliseconds((row.ended - row.started).total_seconds() * 1000) if row.ended and row.started else "",
        pinned=pinned,
    )
