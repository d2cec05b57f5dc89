"""Deleting runs: a person first sees a preview of what would go, and then just that is deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from dashboard.store.explorations import OPEN
from dashboard.store.filter import NOTED
from dashboard.store.filter import PINNED
from dashboard.store.filter import matching
from dashboard.store.history import note
from dashboard.store.records import RunFilter
from dashboard.store.server import Server
from dashboard.store.tables import OVER
from dashboard.store.tables import exploration as exploration_table
from dashboard.store.tables import note as note_table
from dashboard.store.tables import pin as pin_table
from dashboard.store.tables import run as run_table
from dashboard.store.tables import setting as setting_table
from dashboard.store.tables import step as step_table

NAMED = 20  # so many runs are named one by one
AT_ONCE = 500  # runs that retention deletes in a transaction
KEEPERS = (PINNED, NOTED)
"""The runs that retention leaves alone, whatever their age."""

_c = run_table.c


@dataclass(frozen=True)
class Retention:
    """How long runs are kept; None: without end."""

    days: int | None = None  # a run that ended earlier goes
    runs: int | None = None  # only so many are kept, the newest

    @property
    def on(self) -> bool:
        return self.days is not None or self.runs is not None


@dataclass(frozen=True)
class Selection:
    """Runs: these, or all that match a filter, or all that retention has no room for."""

    ids: tuple[int, ...] = ()
    filter: RunFilter | None = None
    retention: Retention | None = None

    def where(self) -> sa.ColumnElement[bool]:
        if self.retention is not None:
            return _outlived(self.retention)
        if self.filter is not None:
            return sa.and_(sa.true(), *matching(self.filter))
        return _among(_c.id, self.ids)


@dataclass(frozen=True)
class DeletionPreview:
    """What goes if a selection is deleted, and what of it stays."""

    runs: int
    steps: int
    bytes: int
    mark: str  # of exactly these runs: deleting asks for it again
    first: tuple[int, ...]  # of the runs, so many as are named
    live: tuple[int, ...]  # not deleted: still going on, or their traces in the lab are not cleared yet
    pinned: tuple[int, ...]  # deleted all the same
    noted: tuple[int, ...]  # these too, and their notes with them, which are in no export
    branches: tuple[int, ...]  # runs that stay, and whose parent goes


@dataclass(frozen=True)
class ExportSize:
    """What an archive of a selection holds."""

    runs: int
    steps: int
    bytes: int
    live: tuple[int, ...]  # their journals end where they are now


@dataclass(eq=False)
class SelectionChanged(Exception):
    """Since the preview, the selection has come to mean other runs. `going` is the preview of these."""

    going: DeletionPreview = field(repr=False)


class Deletion(Server):
    """Deleting chosen runs, and those that retention no longer keeps."""

    def preview_deletion(self, selection: Selection) -> DeletionPreview:
        """What would be deleted with this selection, and what would stay."""
        with self.transaction() as tx:
            tx.exec_driver_sql("set transaction isolation level repeatable read read only")
            return _preview(tx, selection)

    def export_size(self, selection: Selection) -> ExportSize:
        """How large an export of this selection is."""
        with self.reading() as tx:
            ids = list(tx.scalars(sa.select(_c.id).where(selection.where())))
            live = sa.select(_c.id).where(_among(_c.id, ids), _c.status.not_in(OVER)).order_by(_c.id)
            return ExportSize(len(ids), *_size(tx, ids), tuple(tx.scalars(live)))

    def selected(self, selection: Selection, limit: int) -> list[int]:
        """The ids of a selection, newest first."""
        with self.reading() as tx:
            return list(tx.scalars(sa.select(_c.id).where(selection.where()).order_by(_c.id.desc()).limit(limit)))

    def delete_runs(self, selection: Selection, mark: str, actor: str, why: str = "") -> int:
        """Delete the runs of a preview, named by its `mark`, with all their steps. Returns how many there were.

        Raises `SelectionChanged` if the selection means other runs by now.
        """
        with self.transaction() as tx:
            going = sa.select(_c.id).where(selection.where(), _deletable()).order_by(_c.id).with_for_update()
            ids = list(tx.scalars(going))
            if _mark(ids) != mark:
                raise SelectionChanged(_preview(tx, selection))
            _delete(tx, ids, actor, why)
        return len(ids)

    def retention(self) -> Retention:
        with self.reading() as tx:
            value = tx.scalar(sa.select(setting_table.c.value).where(setting_table.c.name == "retention"))
        return Retention(**value) if value else Retention()

    def set_retention(self, retention: Retention, actor: str, text: str) -> None:
        statement = upsert(setting_table).values(name="retention", value=asdict(retention))
        with self.transaction() as tx:
            tx.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": asdict(retention)}))
            note(tx, actor, "settings", "retention", text)

    def retain(self, actor: str) -> int:
        """Delete the runs that the retention in force does not keep. Returns how many there were.

        Explorations of a run go with it; explorations of a program go once they are as old.
        """
        retention, deleted = self.retention(), 0
        while retention.on:
            query = sa.select(_c.id).where(_outlived(retention), _deletable()).order_by(_c.id).limit(AT_ONCE)
            with self.transaction() as tx:
                ids = list(tx.scalars(query.with_for_update(skip_locked=True)))
                if ids:
                    _delete(tx, ids, actor, "retention")
            deleted += len(ids)
            if len(ids) < AT_ONCE:
                with self.transaction() as tx:
                    tx.execute(sa.delete(exploration_table).where(*_explored_before(retention)))
                break
        return deleted


def ranges(ids: Iterable[int]) -> Iterator[str]:
    """Numbers in order, those that follow one another drawn together.

    >>> ", ".join(ranges([1, 2, 3, 7, 9, 10]))
    '1–3, 7, 9–10'
    """
    first = last = None
    for number in (*ids, None):
        if first is not None and last is not None and number != last + 1:
            yield str(first) if first == last else f"{first}–{last}"
            first = None
        first = number if first is None else first
        last = number


def _deletable() -> sa.ColumnElement[bool]:
    e = exploration_table.c
    explored = sa.exists().where(e.run_id == _c.id, sa.or_(e.status.in_(OPEN), e.litter))
    return sa.and_(_c.status.in_(OVER), sa.not_(_c.litter), sa.not_(explored))


def _outlived(retention: Retention) -> sa.ColumnElement[bool]:
    reasons: list[sa.ColumnElement[bool]] = []
    if retention.days is not None:
        reasons.append(_c.ended < sa.func.now() - sa.func.make_interval(0, 0, 0, retention.days))
    if retention.runs is not None:
        newest = sa.select(_c.id).order_by(_c.id.desc()).limit(retention.runs).subquery()
        reasons.append(_c.id < sa.select(sa.func.min(newest.c.id)).scalar_subquery())
    return sa.and_(_deletable(), sa.or_(sa.false(), *reasons), *(_c.id.not_in(kept) for kept in KEEPERS))


def _explored_before(retention: Retention) -> Iterator[sa.ColumnElement[bool]]:
    e = exploration_table.c
    yield sa.and_(e.run_id.is_(None), e.status.not_in(OPEN), sa.not_(e.litter))
    reasons: list[sa.ColumnElement[bool]] = []
    if retention.days is not None:
        reasons.append(e.ended < sa.func.now() - sa.func.make_interval(0, 0, 0, retention.days))
    if retention.runs is not None:
        newest = sa.select(_c.created).order_by(_c.id.desc()).limit(retention.runs).subquery()
        full = sa.select(sa.func.count()).select_from(newest).scalar_subquery() == retention.runs
        reasons.append(sa.and_(full, e.created < sa.select(sa.func.min(newest.c.created)).scalar_subquery()))
    yield sa.or_(sa.false(), *reasons)


def _mark(ids: list[int]) -> str:
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:16]


def _among(column: sa.ColumnElement[int], ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether a column is one of these. They are sent as an array, which is one parameter, however many they are."""
    return column == sa.any_(sa.cast(list(ids), ARRAY(sa.BigInteger)))


def _preview(tx: sa.Connection, selection: Selection) -> DeletionPreview:
    going = list(tx.scalars(sa.select(_c.id).where(selection.where(), _deletable()).order_by(_c.id)))
    steps, size = _size(tx, going)
    live = sa.select(_c.id).where(selection.where(), sa.not_(_deletable()))
    pinned = PINNED.where(_among(pin_table.c.run_id, going))
    noted = NOTED.where(_among(note_table.c.run_id, going))
    branches = sa.select(_c.id).where(_among(_c.parent, going), sa.not_(_among(_c.id, going)))
    return DeletionPreview(
        runs=len(going),
        steps=steps,
        bytes=size,
        mark=_mark(going),
        first=tuple(going[:NAMED]),
        live=tuple(tx.scalars(live.order_by(_c.id))),
        pinned=tuple(tx.scalars(pinned.order_by(pin_table.c.run_id))),
        noted=tuple(tx.scalars(noted.distinct().order_by(note_table.c.run_id))),
        branches=tuple(tx.scalars(branches.order_by(_c.id))),
    )


def _size(tx: sa.Connection, ids: Sequence[int]) -> tuple[int, int]:
    """Of runs: their steps, and what these take in the store."""
    size, s = sa.func.pg_column_size, step_table.c
    bytes = sa.func.coalesce(sa.func.sum(size(s.body) + sa.func.coalesce(size(s.output), 0)), 0)
    steps, taken = tx.execute(
        sa.select(sa.func.count(), bytes).select_from(step_table).where(_among(s.run_id, ids))
    ).one()
    return steps, int(taken)


def _delete(tx: sa.Connection, ids: list[int], actor: str, why: str) -> None:
    if ids:
        tx.execute(sa.delete(run_table).where(_among(_c.id, ids)))
        text = f"{len(ids):,} of them: {', '.join(ranges(ids))}"[:2000]
        one = f"run:{ids[0]}" if len(ids) == 1 else "runs"
        note(tx, actor, "delete", one, f"{text}{f' ({why})' if why else ''}" if len(ids) > 1 else why)
