"""Runs that never were: the run page in every state, for the gallery and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from dataclasses import replace

from dashboard.findings.explain import explain
from dashboard.findings.timeline import fold
from dashboard.findings.timeline import window
from dashboard.gallery import crowd
from dashboard.gallery import endings
from dashboard.gallery import sample
from dashboard.gallery.explorations import SEARCH
from dashboard.person import Person
from dashboard.presenters import exploration
from dashboard.presenters.company import CompanyBar
from dashboard.presenters.company import bar
from dashboard.presenters.polling import Poll
from dashboard.presenters.room import Fix
from dashboard.presenters.room import Moment
from dashboard.presenters.room import Room
from dashboard.presenters.room import room
from dashboard.redaction import for_a_screen
from dashboard.redaction import without_secrets
from dashboard.runs import overview
from dashboard.store import Audience
from dashboard.store import Note
from dashboard.store import RunRecord
from dashboard.store import RunRow
from dashboard.store import Watcher
from interlock.frame import OUTPUT
from interlock.frame import Event
from interlock.frame import Step

LIVE = replace(sample.RUN, status="waiting", outcome=None, end=None, expected=None, failed_at=None, ended=None)

_FAMILY = tuple(
    RunRow(**{field.name: getattr(run, field.name) for field in fields(RunRow)})
    for run in (
        sample.RUN,
        replace(LIVE, id=43, parent=42, branch=1, title="after step 1: deliver the reply to SELECT on c2"),
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
    "queued": ("queued, no step yet", replace(LIVE, status="queued", steps=-1, header=None), None),
    "start": ("step 0, waits for a choice", replace(LIVE, steps=0), 0),
    "waiting": ("live, waits for a choice", replace(LIVE, steps=1), 1),
    "playing": ("live, goes on by itself", replace(LIVE, steps=1, status="running", speed=2.0), 1),
    "behind": ("live, an earlier step", replace(LIVE, steps=1), 0),
    "recorded": ("over, an earlier step", sample.RUN, 1),
    "failure": ("over, at the failure", sample.RUN, 2),
    "timeline": ("over, as lanes", sample.RUN, 2),
    "viewer": ("live, for a viewer, who follows", replace(LIVE, steps=1), 1),
    "viewer-over": ("over, for a viewer", sample.RUN, 2),
    "leading": ("live, with notes, for who leads", replace(LIVE, steps=1), 1),
    "left": ("over, with notes; who led is gone", sample.RUN, 2),
    "presenting": ("live, in the presenter view", replace(LIVE, steps=1), 1),
    "presenting-failure": ("over, in the presenter view", sample.RUN, 2),
    "live": ("live, and asks for what is new", replace(LIVE, steps=1), 1),
    "stale": ("live, and the dashboard answers with an error", replace(LIVE, steps=1), 1),
    "got-away": ("over, all went well in another order than the one that fails", replace(endings.OK, expected=None), 2),
    "presenting-timeline": ("over, as lanes, in the presenter view", sample.RUN, 2),
    "live-failed": ("live, a task has raised", replace(LIVE, steps=2, failed_at=2), 2),
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


def made_up(state: str) -> Room:
    _, run, at = ROOMS[state]
    notice = "Meanwhile the run has gone on to step 1: somebody else chose first." if state == "waiting" else ""
    said = explain(run.end, run.header) if run.end and run.header else None
    first, last = window(at or 0, run.steps)
    steps = tuple(map(crowd.step if state == "timeline-crowd" else sample.STEPS.__getitem__, range(first, last + 1)))
    if state == "odd":
        steps = tuple(map(_odd, steps))
    if state.startswith("presenting"):
        run, steps = without_secrets((run, steps), for_a_screen)
    picture = room(
        run,
        moment_of(steps, at),
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
        fails=state == "got-away",
        inevitable=exploration.inevitable((SEARCH,), (), may=True) if state == "inevitable" else None,
        turn=exploration.turn_of((SEARCH,), (), 2, None) if state == "inevitable" else None,
        in_the_way=(40, 41) if state == "queued" else (),
        notes=_NOTES if state in ("leading", "left", "timeline", "presenting-failure") else (),
        drives=not state.startswith("viewer"),
        present=state.startswith("presenting"),
    )
    return replace(picture, poll=Poll(f"/-/gallery/poll/{state}", "1s") if state in ("live", "stale") else None)


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


def company(state: str) -> CompanyBar:
    """Nobody but the reader; or Ann, who leads, and others."""
    you = Person("you", "", viewer=state.startswith("viewer"))
    mine = Watcher("you", "", you.viewer, 1, True, state == "leading", None)
    ann = Watcher("ann", "Ann", False, 2, state != "left", state in ("viewer", "left"), 1)
    others = tuple(Watcher(f"p{n}", "", n % 3 == 0, n, True, False, None) for n in range(3, 40))
    watchers = (mine, ann, *others) if state in ("viewer", "leading", "left") else (mine,)
    made = bar(42, Audience(1, False, watchers), you, viewer=you.viewer)
    return replace(made, poll=None)


def moment_of(steps: Sequence[Step], at: int | None) -> Moment:
    if at is None:
        return Moment(None, None, None)
    around = {step.number: step for step in steps}
    written = tuple(
        (step.number, event) for step in steps if step.number <= at for event in step.events if event.kind in OUTPUT
    )
    return Moment(around[at], around.get(at - 1), around.get(at + 1), written)
