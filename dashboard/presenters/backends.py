"""The server's side and the ORM's side of a step: rows of pg_stat_activity, and sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from dashboard.presenters import waits
from dashboard.presenters import words
from dashboard.presenters.few import SESSIONS
from dashboard.presenters.few import few
from dashboard.presenters.few import hidden
from dashboard.presenters.waits import Blocker
from dashboard.presenters.words import Names
from interlock.frame import ActivityRow
from interlock.frame import Frame
from interlock.frame import SessionView


@dataclass(frozen=True)
class ActivityLine:
    key: str  # pid and backend start: a pid used again is another row
    connection: str
    pid: str
    state: str
    tone: str
    wait: str
    wait_meaning: str
    xact_age: str
    query: str
    blocked_by: tuple[Blocker, ...]
    blocks: int  # so many of the others wait for it
    locks: tuple[str, ...]
    wrote: bool
    orphan: bool
    replica: bool = False
    gone: bool = False  # it was there a step ago
    changed: frozenset[str] = frozenset()  # names of the columns that differ from the step before


_COMPARED = ("state", "wait", "query", "blocked_by", "locks")


def activity(frame: Frame, before: Frame | None, names: Names) -> tuple[ActivityLine, ...]:
    """The rows of a frame, those of the step before that are gone among them."""
    orphans = {one.id for one in frame.connections if one.orphan}
    old = {line.key: line for line in _lines(before, names, set())} if before else {}
    lines = []
    for line in _lines(frame, names, orphans):
        if before is not None:
            line = replace(line, changed=_changed(line, old.pop(line.key, None)))
        lines.append(line)
    told = {row.connection for row in frame.activity if row.state == "gone"}  # the frame says so itself
    gone = [
        replace(line, gone=True, state="gone", tone="quiet", wait="", wait_meaning="", xact_age="", blocked_by=())
        for line in old.values()
        if line.state != "gone" and line.connection not in told
    ]
    return tuple(lines + gone)


def _changed(line: ActivityLine, old: ActivityLine | None) -> frozenset[str]:
    if old is None:
        return frozenset(("pid", *_COMPARED))
    return frozenset(name for name in _COMPARED if getattr(line, name) != getattr(old, name))


def _lines(frame: Frame, names: Names, orphans: set[str]) -> list[ActivityLine]:
    keys = {row.connection: _key(row) for row in frame.activity}
    blocks = Counter(one for row in frame.activity for one in row.blocked_by)
    return [_line(row, names, orphans, keys, blocks[row.connection]) for row in frame.activity]


def _line(row: ActivityRow, names: Names, orphans: set[str], keys: Mapping[str, str], blocks: int) -> ActivityLine:
    event = f"{row.wait_event_type}/{row.wait_event}" if row.wait_event else ""
    return ActivityLine(
        key=_key(row),
        connection=row.connection,
        pid=str(row.pid or ""),
        state=row.state,
        tone=waits.TONES.get(row.state, "quiet"),
        wait=event,
        wait_meaning=waits.meaning(event),
        xact_age=words.milliseconds(row.xact_age_ms),
        query=" ".join(row.query.split()),
        blocked_by=tuple(Blocker(names.connection(one), keys.get(one)) for one in row.blocked_by),
        blocks=blocks,
        locks=row.locks,
        wrote=row.has_xid,
        orphan=row.connection in orphans,
        replica=row.replica,
    )


def _key(row: ActivityRow) -> str:
    return f"{row.pid}-{''.join(filter(str.isalnum, row.backend_start))}"


@dataclass(frozen=True)
class SessionLine:
    id: str
    cls: str
    transaction: str
    inside: str  # tasks inside a call of it right now
    crowded: bool  # more than one
    users: str
    shared: bool
    connections: str
    alive: bool
    opened: str = ""  # by whom, and where
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sessions:
    lines: tuple[SessionLine, ...]
    hidden: str = ""  # how many are not shown, in words


def sessions(frame: Frame, before: Frame | None, names: Names, *, every: bool = False) -> Sessions:
    """The sessions of a frame; of a crowd those in which most happens."""
    old = {one.id: one for one in before.sessions} if before else {}

    def weight(one: SessionView) -> tuple[bool, ...]:
        return old.get(one.id) != one, len(one.tasks) > 1, bool(one.connections), bool(one.tasks), one.alive

    shown = few(frame.sessions, SESSIONS, weight, every)
    lines = []
    for view in shown:
        line = _session(view, names)
        if before is not None:
            known = old.get(view.id)
            previous = _session(known, names) if known is not None else None
            compared = ("transaction", "inside", "users", "connections", "alive")
            line = replace(
                line,
                changed=frozenset(n for n in compared if previous is None or getattr(line, n) != getattr(previous, n)),
            )
        lines.append(line)
    return Sessions(tuple(lines), hidden(session=len(frame.sessions) - len(shown)))


def _session(view: SessionView, names: Names) -> SessionLine:
    return SessionLine(
        id=view.id,
        cls=view.cls,
        transaction=view.transaction,
        inside=", ".join(names.task(one) for one in view.tasks),
        crowded=len(view.tasks) > 1,
        users=", ".join(names.task(one) for one in view.users),
        shared=len(view.users) > 1,
        connections=", ".join(names.connection(one) for one in view.connections),
        alive=view.alive,
        opened=_opened(view, names),
    )


def _opened(view: SessionView, names: Names) -> str:
    by = f" by {names.task(view.opener)}" if view.opener else ""
    at = f" at {view.opened.file}:{view.opened.line}" if view.opened else ""
    return f"opened{by}{at}" if by or at else ""
