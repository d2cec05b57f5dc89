"""Connections as a person sees them: pure functions from a link, its use and the server's rows to views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from interlock import lab
from interlock.frame import ActivityRow
from interlock.frame import ConnectionView
from interlock.link import Link
from interlock.link import Phase
from interlock.observer import Use


def connection(link: Link, use: Optional[Use], why_orphan: str) -> ConnectionView:
    """The view of one connection; `use` is who has it from a pool, if anyone."""
    return ConnectionView(
        id=link.label,
        state=state(link),
        transaction=link.replies.transaction,
        statement=link.request.statement,
        command=link.request.command,
        sent_by=link.sent_by,
        checked_out=use is not None,
        owner=use.owner if use else None,
        session=use.session if use else None,
        orphan=bool(why_orphan),
        why_orphan=why_orphan,
        blocked_by=link.blocked_by,
        tag=link.tag,
        replica=link.on_replica,
        pid=link.pid,
    )


def state(link: Link) -> str:
    """One word for what a connection is doing."""
    if link.phase is Phase.CLOSED:
        return "closed"
    if link.blocked_by:
        return "blocked"
    if link.arrived:
        return "held"
    if link.phase is Phase.NEW:
        return "connecting"
    return "sent" if link.waiting else "idle"


def activity(links: list[Link], rows: list[lab.Row], clean: Callable[[str], str]) -> tuple[ActivityRow, ...]:
    """The rows of one server in the order of the connections; a backend without a row is gone."""
    by_pid = {int(row[0] or 0): row for row in rows}
    labels = {link.pid: link.label for link in links}
    views = []
    for link in links:
        row = by_pid.get(link.pid or 0)
        if row is None:
            views.append(ActivityRow(link.label, "gone", replica=link.on_replica, pid=link.pid or 0))
            continue
        blockers = [int(pid) for pid in (row[9] or "").split(",") if pid]
        views.append(
            ActivityRow(
                connection=link.label,
                state=row[1] or "",
                wait_event_type=row[2] or "",
                wait_event=row[3] or "",
                query=clean(" ".join((row[4] or "").split())[:400]),
                in_transaction=row[5] == "t",
                has_xid=row[6] == "t",
                locks=tuple((row[10] or "").split(", ")) if row[10] else (),
                blocked_by=tuple(sorted({labels.get(pid) or stranger(link, pid) for pid in blockers})),
                replica=link.on_replica,
                pid=link.pid or 0,
                xact_age_ms=float(row[7]) if row[7] is not None else None,
                backend_start=row[8] or "",
            )
        )
    return tuple(views)


def stranger(link: Link, pid: int) -> str:
    """What to call a process that keeps a connection waiting and is none of the run's own."""
    return "the replay" if link.on_replica else f"pid {pid}"
