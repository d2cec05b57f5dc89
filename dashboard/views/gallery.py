"""Every component in every state, from made-up values: to look at while working on the pages, and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from datetime import timedelta

from flask import Blueprint
from flask import Response
from flask import render_template

from dashboard import overview
from dashboard.alignment import align
from dashboard.company import Person
from dashboard.errors import STANDARD
from dashboard.errors import PageError
from dashboard.errors import store_down
from dashboard.explain import explain
from dashboard.inevitable import Found
from dashboard.inevitable import WayOut
from dashboard.presenters import activity
from dashboard.presenters import crowd
from dashboard.presenters import endings
from dashboard.presenters import exploration
from dashboard.presenters import listing
from dashboard.presenters import matrix
from dashboard.presenters import sample
from dashboard.presenters import servers
from dashboard.presenters import stacks
from dashboard.presenters import words
from dashboard.presenters.company import CompanyBar
from dashboard.presenters.company import bar
from dashboard.presenters.compare import Asked
from dashboard.presenters.compare import compare
from dashboard.presenters.compare import opening
from dashboard.presenters.happened import OUTPUT
from dashboard.presenters.room import Fix
from dashboard.presenters.room import Moment
from dashboard.presenters.room import Room
from dashboard.presenters.room import room
from dashboard.presenters.runlist import RunLine
from dashboard.presenters.runlist import lines
from dashboard.presenters.servers import ServerCard
from dashboard.presenters.stacks import StackCard
from dashboard.presenters.words import Mark
from dashboard.store import Audience
from dashboard.store import ExplorationRow
from dashboard.store import Note
from dashboard.store import RunFilter
from dashboard.store import RunRecord
from dashboard.store import RunRow
from dashboard.store import StackRow
from dashboard.store import Watcher
from dashboard.store import Weight
from dashboard.store.records import Caption
from dashboard.store.runlist import SORTS
from dashboard.store.runs import failed
from dashboard.tally import Group
from dashboard.tally import Rule
from dashboard.tally import Tally
from dashboard.timeline import fold
from dashboard.timeline import window
from dashboard.views.activity import ActivityPage
from dashboard.views.offline import file
from dashboard.views.offline import offline_page
from dashboard.views.runlist import COLUMNS
from dashboard.views.runlist import DeletePage
from dashboard.views.runlist import RunsPage
from dashboard.watch import Facts
from dashboard.watch import Session
from dashboard.watch import Snapshot
from interlock.frame import Event
from interlock.frame import Step

page = Blueprint("gallery", __name__, url_prefix="/-/gallery")

_LIVE = replace(sample.RUN, status="waiting", outcome=None, end=None, expected=None, failed_at=None, ended=None)

_WEIGHT = Weight(71, 2840, 7_300_000, "", first=(40, 41, 42), live=(44,), pinned=(40,), noted=(41,), branches=(43,))

_FAMILY = tuple(
    RunRow(**{field.name: getattr(run, field.name) for field in fields(RunRow)})
    for run in (
        sample.RUN,
        replace(_LIVE, id=43, parent=42, branch=1, title="after step 1: deliver the reply to SELECT on c2"),
        replace(sample.RUN, id=44, parent=42, branch=0, outcome="ok", title="after step 0: end the backend of c1"),
    )
)
_FIXES = (
    Fix("session_per_task", "A session for each task", "il1:"),
    Fix("sequential", "One query after the other", "il1:"),
    Fix(
        "a_third_one_with_a_long_name", "Something that takes a whole line to be said, and a little more than that", ""
    ),
)

_NAMES = {"second": "close_recv_stream_on_response_sent of names", "third": "odd \x1b[31m\x00 \u202e and " + "n" * 200}
_ODD = replace(
    sample.RUN,
    end=replace(sample.END, tasks=tuple(replace(one, name=_NAMES.get(one.name, one.name)) for one in sample.END.tasks)),
)

ROOMS: dict[str, tuple[str, RunRecord, int | None]] = {
    "queued": ("queued, no step yet", replace(_LIVE, status="queued", steps=-1, header=None), None),
    "start": ("step 0, waits for a choice", replace(_LIVE, steps=0), 0),
    "waiting": ("live, waits for a choice", replace(_LIVE, steps=1), 1),
    "playing": ("live, goes on by itself", replace(_LIVE, steps=1, status="running", speed=2.0), 1),
    "behind": ("live, an earlier step", replace(_LIVE, steps=1), 0),
    "recorded": ("over, an earlier step", sample.RUN, 1),
    "failure": ("over, at the failure", sample.RUN, 2),
    "timeline": ("over, as lanes", sample.RUN, 2),
    "viewer": ("live, for a viewer, who follows", replace(_LIVE, steps=1), 1),
    "viewer-over": ("over, for a viewer", sample.RUN, 2),
    "leading": ("live, with notes, for who leads", replace(_LIVE, steps=1), 1),
    "left": ("over, with notes; who led is gone", sample.RUN, 2),
    "presenting": ("live, in the presenter view", replace(_LIVE, steps=1), 1),
    "presenting-failure": ("over, in the presenter view", sample.RUN, 2),
    "presenting-timeline": ("over, as lanes, in the presenter view", sample.RUN, 2),
    "live-failed": ("live, a task has raised", replace(_LIVE, steps=2, failed_at=2), 2),
    "fixes": ("over, with fixes to run, branches and a title", sample.RUN, 2),
    "working-out": ("over, the proof is being worked out", sample.RUN, 2),
    "unknown": ("over, its program is not here", sample.RUN, 2),
    "inevitable": ("over, and known where it became inevitable", sample.RUN, 2),
    "silent": ("over, no error and wrong data", endings.SILENT, 2),
    "stuck": ("over, nothing could move", endings.STUCK, 2),
    "hang": ("over, the loop stood still", endings.HANG, 2),
    "ok": ("over, all went well", endings.OK, 2),
    "crash": ("over, the process died", endings.CRASH, 2),
    "diverged": ("over, it left its schedule", endings.DIVERGED, 2),
    "interrupted": ("over, its worker is gone", endings.INTERRUPTED, 1),
    "odd": ("over, with long names and odd characters", _ODD, 2),
    "escaped": (
        "over, having passed what replay does not control",
        replace(
            sample.RUN,
            end=replace(sample.END, escapes=("another process was begun: what it does, and when, is not held",)),
        ),
        2,
    ),
    "timeline-crowd": ("300 tasks on 60 connections, as lanes", replace(sample.RUN, steps=900, failed_at=899), 500),
}

_TALLY = Tally(
    tried=120,
    distinct=97,
    groups=(
        Group("error", "0f", sample.END.summary, 90, "il1:1=c3,2=c2,20=c2,25=c2,28=c2,30=c3,31=c3,32=c1,33=c3", 1, 30),
        Group("silent", "1f", "broken: each visit is recorded once", 20, "il1:4=c3", 5, 30),
        Group("ok", "2f", "3 tasks returned", 10, "il1:", 9, 30),
    ),
    rules=(Rule("each visit is recorded once", 120, 20),),
)
_FOUND = Found(
    step=1,
    failed=212,
    schedules=37,
    alike=180,
    last_out=0,
    away=3,
    drawn=40,
    tried=300,
    void=2,
    every=False,
    doubt="",
    settled=True,
    ways_out=(WayOut(0, "il1:1=c3,2=c2", "3 tasks returned"),),
)
_ORDERS = ExplorationRow(
    id=7,
    incident=sample.RUN.incident,
    program=sample.RUN.program,
    stack=sample.RUN.stack,
    run_id=None,
    orders=400,
    seconds=120,
    actor="Ann",
    status="running",
    progress="120 of 400 orders tried",
    error=None,
    way_out=None,
    cancel=False,
    rev=1,
    created=sample.RUN.created,
    started=sample.RUN.created,
    ended=None,
    tally=_TALLY,
    found=None,
)
_ENDED = sample.RUN.created + timedelta(seconds=20)
_SEARCH = replace(_ORDERS, run_id=42, status="ended", ended=_ENDED, tally=None, found=_FOUND, way_out=44)

EXPLORATIONS = {
    "orders": ("orders that are being tried", _ORDERS),
    "orders-cancelled": ("orders, cancelled", replace(_ORDERS, status="cancelled", ended=_ENDED)),
    "search": ("where a run became inevitable", _SEARCH),
    "search-failed": (
        "a search that failed",
        replace(_SEARCH, status="failed", found=None, way_out=None, error="broken.py changed since. Run it again."),
    ),
}


@dataclass(frozen=True)
class GalleryPage:
    rooms: dict[str, str]
    explorations: dict[str, str]
    marks: dict[str, tuple[Mark, ...]]
    errors: tuple[PageError, ...]
    stacks: tuple[StackCard, ...]
    rows: tuple[RunLine, ...]
    runs: RunsPage
    delete: DeletePage
    servers: tuple[ServerCard, ...]
    activity: ActivityPage


@page.get("")
def gallery() -> str:
    return render_template(
        "gallery.html",
        page=GalleryPage(
            rooms={name: title for name, (title, _, _) in ROOMS.items()},
            explorations={name: title for name, (title, _) in EXPLORATIONS.items()},
            marks=_marks(),
            errors=(*STANDARD.values(), store_down()),
            stacks=_stacks(),
            rows=_rows(),
            runs=_runs(),
            delete=DeletePage(_WEIGHT, (), None, "/runs", False),
            servers=_servers(),
            activity=_activity(),
        ),
    )


@page.get("/exploration/<state>")
def one_exploration(state: str) -> str:
    if state not in EXPLORATIONS:
        raise PageError(404, f"The gallery has no exploration {state[:40]!r}.", f"It has: {', '.join(EXPLORATIONS)}.")
    _, row = EXPLORATIONS[state]
    picture = exploration.page(row, incident_title="One session, three tasks", known=True, drives=True)
    return render_template("exploration.html", page=replace(picture, poll=None))


@page.get("/offline.html")
def offline() -> Response:
    """The made-up run as one file; to be saved, for what is served may have no code in it."""
    made = offline_page(
        sample.RUN,
        dict(enumerate(sample.STEPS)),
        (0, 2),
        start=2,
        incident_title="One session, three tasks",
        fails=True,
        proof=endings.proof(sample.RUN),
        turn=None,
    )
    return file(render_template("offline.html", page=made), "text/html", "interlock-made-up-run.html")


@page.get("/compare")
@page.get("/compare-presenting", defaults={"present": True})
def side_by_side(present: bool = False) -> str:
    """Two made-up runs, one of them live, at the row in which they begin to differ."""
    other = replace(_LIVE, id=43, stack="sqlalchemy-2.1", mode="follow", steps=2)
    calm = replace(sample.STEPS[2], text="the reply to SELECT on c2 was delivered; “third” ran", woke=("t4",))
    sides = [_asked(sample.RUN, sample.STEPS), _asked(other, (*sample.STEPS[:2], calm))]
    alignment = align(sides[0].captions, sides[1].captions)
    picture = compare(alignment, opening(alignment), *sides, asked=None, present=present)
    return render_template("compare.html", page=replace(picture, poll=None))


def _asked(run: RunRecord, steps: Sequence[Step]) -> Asked:
    captions = [Caption(one.number, one.text, None, one.woke, failed(one)) for one in steps]
    shown = room(run, _moment(steps, 2), incident_title="One session, three tasks", explanation=None)
    return Asked(run, captions, shown, steps[2].frame)


@page.get("/room/<state>")
def one_room(state: str) -> str:
    if state not in ROOMS:
        raise PageError(404, f"The gallery has no room {state[:40]!r}.", f"It has: {', '.join(ROOMS)}.")
    return render_template("run.html", page=made_up(state), company=_company(state))


def made_up(state: str) -> Room:
    _, run, at = ROOMS[state]
    notice = "Meanwhile the run has gone on to step 1: somebody else chose first." if state == "waiting" else ""
    said = explain(run.end, run.header) if run.end and run.header else None
    first, last = window(at or 0, run.steps)
    steps = tuple(map(crowd.step if state == "timeline-crowd" else sample.STEPS.__getitem__, range(first, last + 1)))
    if state == "odd":
        steps = tuple(map(_odd, steps))
    picture = room(
        run,
        _moment(steps, at),
        incident_title="One session, three tasks",
        explanation=said,
        notice=notice,
        view="timeline" if "timeline" in state else "",
        timeline=fold(steps),
        overview=crowd.overview(run.steps, run.failed_at) if state == "timeline-crowd" else overview.of(steps),
        proof=None if state == "working-out" or run.end is None or "crowd" in state else endings.proof(run),
        family=_FAMILY if state == "fixes" else (),
        fixes=_FIXES if state in ("fixes", "silent", "odd", "presenting-failure") else (),
        known=state != "unknown",
        inevitable=exploration.inevitable((_SEARCH,), (), may=True) if state == "inevitable" else None,
        turn=exploration.turn_of((_SEARCH,), (), 2, None) if state == "inevitable" else None,
        in_the_way=(40, 41) if state == "queued" else (),
        notes=_NOTES if state in ("leading", "left", "timeline", "presenting-failure") else (),
        drives=not state.startswith("viewer"),
        present=state.startswith("presenting"),
    )
    return replace(picture, poll=None)


def _odd(step: Step) -> Step:
    """A step of the made-up run with names that are hard to show, and much output."""
    tasks = tuple(replace(one, name=_NAMES.get(one.name, one.name)) for one in step.frame.tasks)
    said = Event("stdout", "nul \x00, escape \x1b[31m, backwards \u202e, and a long line: " + "x" * 5000, "t4")
    return replace(step, frame=replace(step.frame, tasks=tasks), events=(*step.events, said))


_NOTES = (
    Note(1, 42, 0, "", "", sample.RUN.created),
    Note(
        2,
        42,
        1,
        "Here “first” and “second” are inside one session: this is what must not be.",
        "Ann",
        sample.RUN.created,
    ),
    Note(3, 42, 2, "The error names something nobody wrote.", "", sample.RUN.created),
)


def _company(state: str) -> CompanyBar:
    """Nobody but the reader; or Ann, who leads, and others."""
    you = Person("you", "", viewer=state.startswith("viewer"))
    mine = Watcher("you", "", you.viewer, 1, True, state == "leading", None)
    ann = Watcher("ann", "Ann", False, 2, state != "left", state in ("viewer", "left"), 1)
    others = tuple(Watcher(f"p{n}", "", n % 3 == 0, n, True, False, None) for n in range(3, 40))
    watchers = (mine, ann, *others) if state in ("viewer", "leading", "left") else (mine,)
    made = bar(42, Audience(1, False, watchers), you, viewer=you.viewer)
    return replace(made, poll=None)


def _moment(steps: Sequence[Step], at: int | None) -> Moment:
    if at is None:
        return Moment(None, None, None)
    around = {step.number: step for step in steps}
    written = tuple(
        (step.number, event) for step in steps if step.number <= at for event in step.events if event.kind in OUTPUT
    )
    return Moment(around[at], around.get(at - 1), around.get(at + 1), written)


def _marks() -> dict[str, tuple[Mark, ...]]:
    runs = (words.OUTCOMES, words.STATUSES, words.TASK_STATES)
    tables = (*runs, words.STACK_STATES, words.EXPLORATION_STATES, words.PROGRAM_KINDS)
    names = ("outcomes", "states of runs", "tasks", "stacks", "explorations", "programs")
    return {name: tuple(table.values()) for name, table in zip(names, tables, strict=True)} | {
        "cells of the matrix": matrix.LEGEND
    }


def _stacks() -> tuple[StackCard, ...]:
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


def _rows() -> tuple[RunLine, ...]:
    run = sample.RUN
    records = (
        replace(_LIVE, id=44, steps=7),
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
    return lines(records, {run.incident: "One session, three tasks"}, run.created + timedelta(minutes=5))


def _runs() -> RunsPage:
    return RunsPage(
        rows=tuple(replace(row, pinned=row.id == 43) for row in _rows()),
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


def _servers() -> tuple[ServerCard, ...]:
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


def _activity() -> ActivityPage:
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
    return ActivityPage("lab", (), wanted, False, activity.USUAL, "/activity", None, shown, None)
