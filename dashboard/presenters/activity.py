"""Sessions of a server as they are now: the rows of the live page of pg_stat_activity."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.presenters import waits
from dashboard.presenters import words
from dashboard.presenters.waits import Blocker
from dashboard.servers.watch import Session
from dashboard.servers.watch import Snapshot

MOST = 500
"""So many rows are shown; a page of thousands would help nobody."""

_RUN = re.compile(r"interlock:run_([0-9]{1,18}):(\w+)$")


@dataclass(frozen=True)
class ActivityFilter:
    """Which sessions are shown."""

    active: bool = False  # those in the middle of something: no idle ones
    runs: bool = False  # of runs of this dashboard
    background: bool = False  # the server's own processes too
    search: str = ""


@dataclass(frozen=True)
class LiveLine:
    key: str
    pid: int
    application: str
    run: int | None
    connection: str  # the run's name for it
    who: str
    state: str
    tone: str
    state_age: str
    xact_age: str
    wait: str
    wait_meaning: str
    blocked_by: tuple[Blocker, ...]
    blocks: int
    wrote: bool
    query: str


@dataclass(frozen=True)
class LiveSessions:
    as_of: str
    rows: tuple[LiveLine, ...]
    alive: str  # the keys of all sessions there are: a row that is missing has ended, or the filter leaves it out now
    left_out: int  # by the bound
    said: str  # the picture in a sentence
    own: int  # sessions of the engine's own, not shown


def live(snapshot: Snapshot, filter: ActivityFilter) -> LiveSessions:
    """The rows that match, and whoever blocks one of them; always in the order in which they began."""
    by_pid = {one.pid: one for one in snapshot.sessions}
    others = [one for one in snapshot.sessions if not _own(one)]
    shown = {one.pid for one in others if _matches(one, filter)}
    holders = {pid for one in others for pid in one.blocked_by if one.pid in shown}
    rows = [one for one in others if one.pid in shown | holders]
    blocks: dict[int, int] = {}
    for one in snapshot.sessions:
        for pid in one.blocked_by:
            blocks[pid] = blocks.get(pid, 0) + 1
    locked = sum(bool(one.blocked_by) for one in rows)
    all_of_them = sum(filter.background or one.kind == "client backend" for one in others)
    said = words.count(all_of_them, "session")
    if len(rows) != all_of_them:
        said = f"{len(rows)} of {said}"
    if locked:
        said += f", {locked} {'waits' if locked == 1 else 'wait'} for a lock"
    keys = {one.pid: one.key for one in rows[:MOST]}
    return LiveSessions(
        as_of=snapshot.as_of.strftime("%H:%M:%S"),
        rows=tuple(_line(one, by_pid, keys, blocks) for one in rows[:MOST]),
        alive=" ".join(one.key for one in snapshot.sessions),
        left_out=max(0, len(rows) - MOST),
        said=said,
        own=len(snapshot.sessions) - len(others),
    )


def _own(session: Session) -> bool:
    """The connection by which the engine looks after a run's schema, and asks who waits for whom."""
    return session.application.startswith("interlock:") and session.application.endswith(":control")


def _matches(session: Session, filter: ActivityFilter) -> bool:
    if not filter.background and session.kind != "client backend":
        return False
    if filter.active and session.state in ("idle", ""):
        return False
    if filter.runs and not _RUN.match(session.application):
        return False
    texts = (str(session.pid), session.application, session.role, session.database, session.query)
    return filter.search.lower() in " ".join(texts).lower()


def _line(session: Session, by_pid: dict[int, Session], keys: dict[int, str], blocks: dict[int, int]) -> LiveLine:
    event = f"{session.wait_type}/{session.wait_event}" if session.wait_event else ""
    run = _RUN.match(session.application)
    client = session.kind == "client backend"
    return LiveLine(
        key=session.key,
        pid=session.pid,
        application=session.application or ("" if client else session.kind),
        run=int(run[1]) if run else None,
        connection=run[2] if run else "",
        who=f"{session.role}@{session.database}" if session.database else session.role,
        state=session.state or ("" if client else "background"),
        tone=waits.TONES.get(session.state, "quiet"),
        state_age=_age(session.state_age),
        xact_age=_age(session.xact_age),
        wait=event,
        wait_meaning=waits.meaning(event),
        blocked_by=tuple(_blocker(pid, by_pid, keys) for pid in session.blocked_by),
        blocks=blocks.get(session.pid, 0),
        wrote=session.wrote,
        query=" ".join(session.query.split()),
    )


def _blocker(pid: int, by_pid: dict[int, Session], keys: dict[int, str]) -> Blocker:
    if pid == 0:
        return Blocker("a prepared transaction", None)
    if pid in keys:
        return Blocker(str(pid), keys[pid])
    return Blocker(f"{pid} (not shown)" if pid in by_pid else f"{pid} (gone)", None)


def _age(value: float | None) -> str:
    """At a coarse measure, so that the digits do not flicker where nothing happens."""
    if value is None or value < 0:
        return ""
    return words.seconds(value) if value < 10 else words.seconds(float(int(value)))
