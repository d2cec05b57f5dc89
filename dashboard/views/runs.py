"""Runs: the start of one, the run page with its live fragment, and the commands to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import fields
from dataclasses import replace

from flask import Blueprint
from flask import Response
from flask import jsonify
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import label
from dashboard.arguments import number
from dashboard.arguments import one_of
from dashboard.arguments import optional
from dashboard.catalogue.incidents import Incident
from dashboard.catalogue.incidents import Program
from dashboard.errors import PageError
from dashboard.errors import no_run
from dashboard.errors import no_step
from dashboard.errors import not_installed
from dashboard.findings.explain import explain
from dashboard.findings.timeline import Timeline
from dashboard.findings.timeline import window
from dashboard.findings.why.turn import Turn
from dashboard.presenters import exploration
from dashboard.presenters import words
from dashboard.presenters.keep import Keep
from dashboard.presenters.room import VIEWS
from dashboard.presenters.room import Fix
from dashboard.presenters.room import Moment
from dashboard.presenters.room import Room
from dashboard.presenters.room import room
from dashboard.presenters.stacks import StackCard
from dashboard.presenters.task import task_page
from dashboard.redaction import for_a_screen
from dashboard.redaction import without_secrets
from dashboard.runs import branches
from dashboard.security import viewer
from dashboard.services import services
from dashboard.shared import Made
from dashboard.store import CommandRefused
from dashboard.store import RunFilter
from dashboard.store import RunRecord
from dashboard.store import UnknownRun
from dashboard.views import company
from dashboard.views.incidents import no_incident
from dashboard.views.stacks import install_for
from dashboard.work import jobs
from interlock import schedule
from interlock.delta import Writer
from interlock.frame import Place
from interlock.journal import to_data

page = Blueprint("runs", __name__)

STACKS_AT_ONCE = 50  # steps read together when one of them has a stack we want
PATIENCE = 1.5  # seconds a request waits for what it asked for, before the page goes on by polling
COMMANDS = ("advance", "play", "pause", "finish", "stop")
SPEEDS = ("0.25", "0.5", "1", "2", "4")


# The start


def asked_program() -> tuple[Incident, Program, StackCard]:
    """The incident, its program and the stack that a form names. Raises `PageError`, which says what there is."""
    here, name = services(), request.form.get("incident", "")
    incident = here.incident(name)
    if incident is None:
        raise no_incident(name)
    programs = {one.name: one for one in incident.programs}
    stacks = {one.name: one for one in here.stacks()}
    program = programs[one_of(request.form, "program", tuple(programs))]
    return incident, program, stacks[one_of(request.form, "stack", tuple(stacks))]


@page.post("/runs")
def start() -> BaseResponse:
    """Start a run of a program of the catalogue; nothing else can be run from here."""
    here, (incident, program, stack) = services(), asked_program()
    mode = one_of(request.form, "mode", tuple(words.MODES))
    seed = number(request.form, "seed")
    if not stack.ready and not hx.wants_json():
        return install_for(stack, incident.name, program.name)
    if not stack.ready:
        raise not_installed(stack.name, busy=stack.busy)
    asked, declared = request.form.get("schedule", "").strip(), program.expectations.get(stack.name)
    if not asked and declared is not None and mode in ("step", "replay"):
        asked = declared.schedule  # the one that is shipped
    try:
        wanted = schedule.parse(asked)
    except schedule.ScheduleError as error:
        raise PageError(400, "This schedule cannot be read.", str(error), "Copy one from a run's outcome.") from error
    if mode == "random" and seed is None:
        seed = time.time_ns() % 1_000_000
    seed = seed if mode == "random" else None
    run_id = here.store.create_run(incident.name, program.name, stack.name, mode, str(wanted), seed, actor=actor())
    jobs.enqueue_run(here.store, run_id)
    wait_for(run_id, lambda run: run.steps >= 0 or run.over)
    return hx.see_other(f"/runs/{run_id}" + replace(keeping(), task="", conn="").query.replace("&", "?", 1))


# The run page


@page.get("/runs/<int:run_id>")
def show(run_id: int) -> str:
    picture = _room(find_run(run_id), _asked_step())
    return render_template("run.html", page=picture, company=company.arrived(run_id, picture))


@page.get("/runs/<int:run_id>/live")
def live(run_id: int) -> Response:
    """The run page's fragment: the next version of what is shown (`rev` given), or another step (`rev` left out).

    With `follow` the page goes there by itself, after who leads; with `why` it waits for the proof.
    """
    here, seen = services(), number(request.args, "rev")
    try:
        now = here.store.announced_rev(run_id)
        if now == seen and not ("why" in request.args and _explained(run_id)):
            return hx.nothing_new()
    except UnknownRun:
        if seen is None:
            raise no_run(run_id) from None
        # Deleted while it was being watched. The answer has no trigger, so asking ends here.
        return hx.fragment(render_template("runs/_gone.html", error=no_run(run_id)))
    if seen is None and "follow" not in request.args:
        picture = _room(find_run(run_id), _asked_step())
        company.went(run_id, picture)
        return hx.fragment(render_template("runs/_room.html", page=picture), push=picture.url)

    def made() -> Made:
        picture = _room(find_run(run_id), _asked_step())
        return render_template("runs/_room.html", page=picture).encode(), picture.url

    # Everybody who follows asks for the same at the same moment; the key has all that one such answer depends on.
    wanted = frozenset((name, value) for name, value in request.args.items() if name not in ("rev", "follow"))
    known = here.proofs.known(run_id)
    html, url = here.shared.of((run_id, now, known, viewer() is None, wanted, request.host_url), made)
    return hx.fragment(html, replace=url)


def _explained(run_id: int) -> bool:
    """Whether it is known by now why a run ended so; if nobody works that out any more, it is begun again."""
    here = services()
    return here.proofs.of(here.store, find_run(run_id)) is not None


@page.post("/runs/<int:run_id>/commands")
def command(run_id: int) -> BaseResponse:
    """Ask something of a live run, and answer with the picture that came of it."""
    kind = one_of(request.form, "kind", COMMANDS)
    payload: dict[str, object] = {}
    if kind == "advance":
        payload = {"token": optional(request.form, "token"), "at": number(request.form, "at")}
    elif kind == "play":
        payload = {"speed": float(one_of(request.form, "speed", SPEEDS))}
    store = services().store
    try:
        answer = store.settled(store.command(run_id, kind, payload, actor=actor()), PATIENCE)
    except UnknownRun:
        raise no_run(run_id) from None
    except CommandRefused as refused:
        return _answer(run_id, str(refused))
    if answer.done is None:
        return _answer(
            run_id,
            "Asked for, but not answered yet: the run is busy, or its worker is gone. This page goes on looking.",
        )
    if answer.error is not None:
        return _answer(run_id, answer.error)
    if kind == "finish":
        wait_for(run_id, lambda run: run.over or run.status == "waiting")
    elif kind in ("advance", "stop"):
        # The last step is followed at once by the end; show both together.
        wait_for(run_id, lambda run: run.over or run.status == "waiting")
    return _answer(run_id)


def _answer(run_id: int, refused: str = "") -> BaseResponse:
    if hx.wants_json():
        if refused:
            raise PageError(409, "The run did not do this.", refused, "Look where it stands now, and choose again.")
        return jsonify(_state(find_run(run_id)))
    if not hx.wants_fragment():
        if refused:
            raise PageError(409, "The run did not do this.", refused, "Look where it stands now, and choose again.")
        return hx.see_other(f"/runs/{run_id}" + keeping().query.replace("&", "?", 1))
    picture = _room(find_run(run_id), None, notice=refused)
    company.went(run_id, picture)
    return hx.fragment(render_template("runs/_room.html", page=picture), push=picture.url)


@page.get("/runs/<int:run_id>/tasks/<task_id>")
def task(run_id: int, task_id: str) -> str:
    """A task at a step with its whole stack: a page, or the content of the run page's dialog."""
    run = find_run(run_id)
    step = moment_of(run, _asked_step()).step
    found = next((one for one in step.frame.tasks if one.id == task_id), None) if step else None
    if step is None or found is None:
        raise PageError(404, f"There is no task {task_id[:40]!r} at this step of run {run_id}.", "", "Open the run.")
    shown = task_page(run_id, step.number, found, step.frame, _stack(run_id, step.number, found.stack))
    return render_template("runs/_task.html" if hx.wants_fragment() else "task.html", page=shown)


def _stack(run_id: int, at: int, key: str) -> tuple[Place, ...]:
    """A stack is written down in the step where it was first seen."""
    store = services().store
    for last in range(at, -1, -STACKS_AT_ONCE):
        for step in reversed(store.steps(run_id, max(0, last - STACKS_AT_ONCE + 1), last)):
            if key in step.stacks:
                return step.stacks[key]
    return ()


@page.get("/runs/<int:run_id>/journal.jsonl")
def journal(run_id: int) -> Response:
    """The whole run as a file: a line each for its header, its steps in order, its end."""
    name = f"interlock-run-{run_id}.jsonl"
    text = "".join(journal_lines(find_run(run_id)))
    return Response(
        text, mimetype="application/x-ndjson", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def journal_lines(run: RunRecord) -> Iterator[str]:
    store, writer = services().store, Writer()
    if run.header is not None:
        yield writer.dump(run.header) + "\n"
    for first in range(0, run.steps + 1, 100):
        for step in store.steps(run.id, first, min(first + 99, run.steps)):
            yield writer.dump(step) + "\n"
    if run.end is not None:
        yield writer.dump(run.end) + "\n"


@page.get("/runs/<int:run_id>/step.json")
def step_json(run_id: int) -> Response:
    """A step as data: the same as the page shows, for scripts and tests."""
    run = find_run(run_id)
    step = moment_of(run, _asked_step()).step
    return jsonify(run=_state(run), step=to_data(step) if step else None)


# Reading


def find_run(run_id: int) -> RunRecord:
    run = services().store.run(run_id)
    if run is None:
        raise no_run(run_id)
    return run


def picture_of(run_id: int, step: int | None) -> Room:
    """The run page at a step, as whoever asks sees it."""
    return _room(find_run(run_id), step)


def presented() -> bool:
    """Whether the presenter view is asked for."""
    return request.args.get("present", "") not in ("", "0")


def keeping() -> Keep:
    """What the address says beside the step."""
    task, conn = label(request.args, "task", "t"), label(request.args, "conn", "c")
    return Keep(one_of(request.args, "view", VIEWS), task, conn, presented())


def _asked_step() -> int | None:
    """The step in the address; None follows the run's last one."""
    return None if request.args.get("step") == "latest" else number(request.args, "step")


def moment_of(run: RunRecord, asked: int | None) -> Moment:
    at = run.steps if asked is None else asked
    if at > run.steps:
        raise no_step(run.id, at, run.steps)
    if at < 0:
        return Moment(None, None, None)
    store = services().store
    around = {step.number: step for step in store.steps(run.id, at - 1, at + 1)}
    return Moment(around.get(at), around.get(at - 1), around.get(at + 1), tuple(store.output(run.id, at)))


def _room(run: RunRecord, asked: int | None, notice: str = "") -> Room:
    incident = services().incident(run.incident)
    keep = keeping()
    moment, proof = moment_of(run, asked), services().proofs.of(services().store, run)
    timeline = timeline_of(run, asked) if run.steps >= 0 else None
    overview = services().timelines.whole(services().store, run.id, run.steps) if run.steps >= 0 else None
    family, searches = services().store.family(run.id), services().store.explorations_of(run.id)
    turn = exploration.turn_of(searches, family, run.steps, services().proofs.turn(services().store, run))
    may_search = viewer() is None and not keep.present and branches.searchable(run, incident)
    if keep.present:
        run, moment, proof, timeline, turn = without_secrets((run, moment, proof, timeline, turn), for_a_screen)
    return room(
        run,
        moment,
        incident_title=incident.title if incident else run.incident,
        explanation=explain(run.end, run.header, proof or ()) if run.end and run.header else None,
        proof=proof,
        turn=turn,
        notice=notice,
        in_the_way=_waiting_runs() if run.status == "queued" else (),
        view=keep.view,
        task=keep.task,
        conn=keep.conn,
        timeline=timeline,
        overview=overview,
        family=family,
        inevitable=exploration.inevitable(searches, family, may=may_search),
        branchable=branches.branchable(run, incident),
        known=incident is not None and incident.program(run.program) is not None,
        fails=incident is not None and incident.fails(run.program, run.stack),
        fixes=_fixes(run, incident),
        mends=incident.mends(run.program) if incident is not None else "",
        probes=incident.probes(run.program) if incident is not None else "",
        spared=incident.spared(run.program, run.stack) if incident is not None else (),
        notes=services().store.notes(run.id),
        watchers=0 if run.over else len(services().company.of(services().store, run.id).watchers),
        drives=viewer() is None,
        present=keep.present,
    )


def turn_of(run: RunRecord) -> Turn | None:
    """Where a run took its turn, for the files that are made of it."""
    store = services().store
    found = services().proofs.turn(store, run)
    return exploration.turn_of(store.explorations_of(run.id), store.family(run.id), run.steps, found)


def _fixes(run: RunRecord, incident: Incident | None) -> list[Fix]:
    """What to run next, after a failure that the incident has fixes for on this stack."""
    failed = incident.program(run.program) if incident else None
    if incident is None or failed is None or run.outcome in (None, "ok", "stopped", "interrupted", "invalid"):
        return []
    return [
        Fix(program.name, program.title, program.expectations[run.stack].schedule)
        for program in incident.programs
        if program.helps(failed) and run.stack in program.expectations
    ]


def timeline_of(run: RunRecord, asked: int | None) -> Timeline:
    """Of the run's steps so far, those around the one that is shown."""
    here = services()
    return here.timelines.of(here.store, run.id, *window(run.steps if asked is None else asked, run.steps))


def _waiting_runs() -> tuple[int, ...]:
    return tuple(row.id for row in services().store.runs(RunFilter(status="waiting"), limit=8).rows)


def wait_for(run_id: int, enough: Callable[[RunRecord], bool]) -> None:
    """Wait until the run is as wanted, but never longer than a person would: the page goes on by itself."""
    store = services().store
    deadline = time.monotonic() + PATIENCE
    while (run := store.run(run_id)) is not None and not enough(run):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        store.wait(run_id, run.rev, left)


def _state(run: RunRecord) -> dict[str, object]:
    plain = {field.name: getattr(run, field.name) for field in fields(run) if field.name not in ("header", "end")}
    state: dict[str, object] = json.loads(json.dumps(plain, default=str))
    return state
