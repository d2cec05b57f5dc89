"""Rows that never were: what lists, cards and dialogs show, for the gallery and for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dashboard.catalogue.incidents import Incident
from dashboard.gallery import sample
from dashboard.gallery.rooms import LIVE
from dashboard.presenters import activity
from dashboard.presenters import listing
from dashboard.presenters import matrix
from dashboard.presenters import servers
from dashboard.presenters import stacks
from dashboard.presenters import words
from dashboard.presenters.runlist import RunLine
from dashboard.presenters.runlist import lines
from dashboard.presenters.servers import ServerCard
from dashboard.presenters.stacks import StackCard
from dashboard.presenters.task import TaskPage
from dashboard.presenters.task import task_page
from dashboard.presenters.words import Mark
from dashboard.servers.watch import Facts
from dashboard.servers.watch import Session
from dashboard.servers.watch import Snapshot
from dashboard.store import DeletionPreview
from dashboard.store import RunFilter
from dashboard.store import StackRow
from dashboard.store.runlist import SORTS
from dashboard.views.activity import ActivityPage
from dashboard.views.activity import unreachable
from dashboard.views.notes import NoteForm
from dashboard.views.runlist import COLUMNS
from dashboard.views.runlist import RunsPage
from dashboard.views.shares import LASTS
from dashboard.views.shares import ShareLine
from dashboard.views.shares import SharesPage

GOING = DeletionPreview(71, 2840, 7_300_000, "", (40, 41, 42), live=(44,), pinned=(40,), noted=(41,), branches=(43,))


def marks() -> dict[str, tuple[Mark, ...]]:
    runs = (words.OUTCOMES, words.STATUSES, words.TASK_STATES)
    tables = (*runs, words.STACK_STATES, words.EXPLORATION_STATES, words.PROGRAM_KINDS)
    names = ("outcomes", "states of runs", "tasks", "stacks", "explorations", "programs")
    return {name: tuple(table.values()) for name, table in zip(names, tables, strict=True)} | {
        "cells of the matrix": matrix.LEGEND
    }


def stack_cards() -> tuple[StackCard, ...]:
    def row(state: str, progress: str = "", error: str | None = None) -> StackRow:
        log = "Collecting asyncpg==0.26.0\nBuilding wheel for asyncpg\n" if state != "missing" else ""
        return StackRow("made-up", state, progress, log, error, 1, sample.RUN.created)

    pins = ("sqlalchemy==1.4.42", "asyncpg==0.26.0", "fastapi==0.87.0")
    failed = row(
        "failed", error="asyncpg 0.26.0 is compiled here, and there is no C compiler. On Debian: apt-get install gcc"
    )
    states = (
        row("missing"),
        row("queued"),
        row("installing", "compiling asyncpg, about a minute"),
        failed,
        row("ready"),
    )
    cards = [stacks.card(f"{one.state}-stack", "A made-up stack", pins, one.state == "ready", one) for one in states]
    return tuple(replace(card, poll=None) for card in cards)


def run_lines() -> tuple[RunLine, ...]:
    run = sample.RUN
    records = (
        replace(LIVE, id=44, steps=7),
        replace(
            run,
            id=43,
            outcome="silent",
            expected=False,
            mode="random",
            seed=7,
            summary="a rule is broken",
        ),
        run,
        replace(run, id=41, outcome="ok", program="session_per_task", summary="3 tasks returned"),
    )
    incident = Incident(run.incident, "One session, three tasks", Path())
    return lines(records, {incident.name: incident}, run.created + timedelta(minutes=5))


def run_list() -> RunsPage:
    return RunsPage(
        rows=tuple(replace(row, pinned=row.id == 43) for row in run_lines()),
        filter=RunFilter(),
        given={},
        upto=413,
        newer=2,
        anew="/runs",
        sort="",
        order="newest first",
        facets=(),
        heads=listing.heads(COLUMNS, SORTS, "-run", "/runs", {}),
        pages=listing.pages(3, 413, "/runs", {}),
        number=3,
    )


def server_cards() -> tuple[ServerCard, ...]:
    settings = {"fsync": "off", "wal_level": "minimal", "max_prepared_transactions": "0", "deadlock_timeout": "1s"}
    lab = Facts(
        "18.6",
        "lab",
        "interlock",
        False,
        4000.0,
        7_500_000,
        190,
        3,
        1,
        2,
        200,
        settings,
        (),
        [("walreceiver", "streaming", 0.0)],
    )
    copy = replace(lab, standby=True, used=3, settings={}, replicas=(), replay=("streaming", 8192.0, 0.4))
    url = "postgresql://interlock:secret@db.example:5432/lab"
    return (
        servers.card("lab", url, lab),
        servers.card("replica", url, copy),
        servers.card("store", url, None, "connection refused"),
        servers.card("replica", None, None, followers=0),
    )


def no_runs(*, filtered: bool) -> RunsPage:
    """The list where nothing is, or nothing matches."""
    return replace(
        run_list(),
        rows=(),
        given={"search": "nothing like it"} if filtered else {},
        filter=RunFilter(search="nothing like it") if filtered else RunFilter(),
        newer=0,
        pages=listing.pages(1, 0, "/runs", {}),
        number=1,
    )


def no_activity(*, reached: bool) -> ActivityPage:
    """A server without a client, or one that does not answer."""
    page, error = activity_page(), None if reached else unreachable("lab", "connection refused")
    shown = activity.live(Snapshot(sample.RUN.created, ()), page.filter) if reached else None
    return replace(page, live=shown, error=error)


def shares(*, some: bool) -> SharesPage:
    """The links of a run: one that was just made, one that is over; or none."""
    lines = (
        ShareLine(2, True, "open for 8 h more", "just now by Ann"),
        ShareLine(1, False, "expired 2 d ago", "3 d ago"),
    )
    link = "http://review.example:8440/share/bWFkZS11cC1saW5r"
    lasts = tuple((value, label) for value, (label, _) in LASTS.items())
    return SharesPage(42, lasts, lines if some else (), link if some else None, local=not some)


def notes() -> tuple[NoteForm, ...]:
    """A note to be made, and one to be changed."""
    return NoteForm(42, 2, None, "", ""), NoteForm(42, 1, 7, "Here both are inside one session.", "")


def tasks() -> tuple[TaskPage, ...]:
    """A task that waits, and one that has raised."""
    step = sample.STEPS[2]
    wanted = {one.state: one for one in step.frame.tasks}
    return tuple(
        task_page(42, step.number, wanted[state], step.frame, step.stacks.get(wanted[state].stack, ()))
        for state in ("waiting", "error")
    )


def activity_page() -> ActivityPage:
    def session(
        pid: int, application: str, state: str, wait: str, query: str, blocked_by: tuple[int, ...] = ()
    ) -> Session:
        kind, _, event = wait.partition("/")
        began = f"2026010112000000{pid}"
        return Session(
            pid,
            began,
            "client backend",
            "lab",
            "interlock",
            application,
            "",
            state,
            kind,
            event,
            0.4,
            2.5,
            query,
            blocked_by,
            True,
        )

    sessions = (
        session(
            4211, "interlock:run_42:c1", "idle in transaction", "Client/ClientRead", "UPDATE account SET balance = 1"
        ),
        session(4212, "interlock:run_42:c2", "active", "Lock/transactionid", "UPDATE account SET balance = 2", (4211,)),
        session(
            4213, "interlock:run_42:c3", "idle in transaction (aborted)", "Client/ClientRead", "INSERT INTO order_line"
        ),
        session(4214, "psql", "active", "Lock/relation", "ALTER TABLE account ADD note text", (4211, 4212, 0, 4299)),
        session(4215, "interlock:run_42:control", "idle", "Client/ClientRead", "select 1"),
    )
    wanted = activity.ActivityFilter()
    shown = activity.live(Snapshot(sample.RUN.created, sessions), wanted)
    return ActivityPage("lab", (), wanted, False, "/activity", None, shown, None)
