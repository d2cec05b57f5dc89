"""Every component in every state, from made-up values: to look at while working on the pages, and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from flask import Blueprint
from flask import Response
from flask import render_template

from dashboard import hx
from dashboard.errors import STANDARD
from dashboard.errors import PageError
from dashboard.errors import store_down
from dashboard.gallery import endings
from dashboard.gallery import lists
from dashboard.gallery import rooms
from dashboard.gallery import sample
from dashboard.gallery.explorations import EXPLORATIONS
from dashboard.presenters import exploration
from dashboard.presenters.compare import Asked
from dashboard.presenters.compare import compare
from dashboard.presenters.compare import opening
from dashboard.presenters.room import room
from dashboard.presenters.runlist import RunLine
from dashboard.presenters.servers import ServerCard
from dashboard.presenters.stacks import StackCard
from dashboard.presenters.task import TaskPage
from dashboard.presenters.words import Mark
from dashboard.runs.alignment import align
from dashboard.store import RunRecord
from dashboard.store.records import Caption
from dashboard.store.runs import failed
from dashboard.views.activity import ActivityPage
from dashboard.views.notes import NoteForm
from dashboard.views.offline import offline_page
from dashboard.views.offline import page_file
from dashboard.views.runlist import DeletePage
from dashboard.views.runlist import RunsPage
from dashboard.views.shares import SharesPage
from interlock.frame import Step

page = Blueprint("gallery", __name__, url_prefix="/-/gallery")


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
    tasks: tuple[TaskPage, ...]
    notes: tuple[NoteForm, ...]
    shares: tuple[SharesPage, ...]


@page.get("")
def gallery() -> str:
    return render_template(
        "gallery.html",
        page=GalleryPage(
            rooms={name: title for name, (title, _, _) in rooms.ROOMS.items()},
            explorations={name: title for name, (title, _) in EXPLORATIONS.items()},
            marks=lists.marks(),
            errors=(*STANDARD.values(), store_down()),
            stacks=lists.stack_cards(),
            rows=lists.run_lines(),
            runs=lists.run_list(),
            delete=DeletePage(lists.GOING, (), None, "/runs", False),
            servers=lists.server_cards(),
            activity=lists.activity_page(),
            tasks=lists.tasks(),
            notes=lists.notes(),
            shares=(lists.shares(some=True), lists.shares(some=False)),
        ),
    )


@page.get("/runs/none", defaults={"filtered": False})
@page.get("/runs/no-match", defaults={"filtered": True})
def no_runs(filtered: bool) -> str:
    return render_template("runs.html", page=lists.no_runs(filtered=filtered))


@page.get("/activity/empty", defaults={"reached": True})
@page.get("/activity/away", defaults={"reached": False})
def no_activity(reached: bool) -> str:
    return render_template("activity.html", page=lists.no_activity(reached=reached))


@page.get("/poll/<state>")
def poll(state: str) -> Response:
    """What a page is answered that keeps up, or one that cannot."""
    if state == "stale":
        raise store_down()
    return hx.nothing_new()


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
        mends="",
        probes="",
        proof=endings.proof(sample.RUN),
        turn=None,
    )
    return page_file(made, "interlock-made-up-run.html")


@page.get("/compare")
@page.get("/compare-presenting", defaults={"present": True})
def side_by_side(present: bool = False) -> str:
    """Two made-up runs, one of them live, at the row in which they begin to differ."""
    other = replace(rooms.LIVE, id=43, stack="sqlalchemy-2.1", mode="follow", steps=2)
    calm = replace(sample.STEPS[2], text="the reply to SELECT on c2 was delivered; “third” ran", woke=("t4",))
    sides = [_asked(sample.RUN, sample.STEPS), _asked(other, (*sample.STEPS[:2], calm))]
    alignment = align(sides[0].captions, sides[1].captions)
    picture = compare(alignment, opening(alignment), *sides, asked=None, present=present)
    return render_template("compare.html", page=replace(picture, poll=None))


def _asked(run: RunRecord, steps: Sequence[Step]) -> Asked:
    captions = [Caption(one.number, one.text, None, one.woke, failed(one)) for one in steps]
    shown = room(run, rooms.moment_of(steps, 2), incident_title="One session, three tasks", explanation=None)
    return Asked(run, captions, shown, steps[2].frame)


@page.get("/room/<state>")
def one_room(state: str) -> str:
    if state not in rooms.ROOMS:
        raise PageError(404, f"The gallery has no room {state[:40]!r}.", f"It has: {', '.join(rooms.ROOMS)}.")
    return render_template("run.html", page=rooms.made_up(state), company=rooms.company(state))
