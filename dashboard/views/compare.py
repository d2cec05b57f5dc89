"""Two runs side by side: the choice of whom to compare with, the page, its fragment."""

from __future__ import annotations

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.arguments import one_of
from dashboard.errors import PageError
from dashboard.errors import no_run
from dashboard.errors import not_installed
from dashboard.presenters import words
from dashboard.presenters.compare import VIEWS
from dashboard.presenters.compare import Asked
from dashboard.presenters.compare import Candidate
from dashboard.presenters.compare import Comparison
from dashboard.presenters.compare import Partner
from dashboard.presenters.compare import Partners
from dashboard.presenters.compare import address
from dashboard.presenters.compare import compare
from dashboard.presenters.compare import opening
from dashboard.presenters.compare import partner
from dashboard.presenters.room import room
from dashboard.redaction import for_a_screen
from dashboard.redaction import without_secrets
from dashboard.runs import branches
from dashboard.runs.alignment import align
from dashboard.security import viewer
from dashboard.services import services
from dashboard.store import RunFilter
from dashboard.store import RunRecord
from dashboard.store import UnknownRun
from dashboard.store.records import Caption
from dashboard.views.runs import find_run
from dashboard.views.runs import moment_of
from dashboard.views.runs import presented
from dashboard.views.runs import wait_for
from dashboard.work import jobs

page = Blueprint("compare", __name__)

LOOKED_AT = 200  # of the newest runs of the program, to find one that ended differently


@page.get("/compare")
def show() -> str:
    a, b = _asked("a"), number(request.args, "b")
    if b is None:
        return render_template("compare/with.html", page=_partners(find_run(a)))
    return render_template("compare.html", page=_comparison(find_run(a), find_run(b)))


@page.get("/compare/live")
def live() -> Response:
    """The fragment: its next version (`rev_a` and `rev_b` given), or another row."""
    a, b = _asked("a"), _asked("b")
    seen = (number(request.args, "rev_a"), number(request.args, "rev_b"))
    polled = seen != (None, None)
    store = services().store
    try:
        if polled and (store.announced_rev(a), store.announced_rev(b)) == seen:
            return hx.nothing_new()
    except UnknownRun as gone:
        return hx.fragment(render_template("runs/_gone.html", error=no_run(gone.args[0])))
    shown = _comparison(find_run(a), find_run(b))
    html = render_template("compare/_live.html", page=shown)
    return hx.fragment(html, replace=shown.url) if polled else hx.fragment(html, push=shown.url)


@page.post("/compare")
def start() -> BaseResponse:
    """Start a run that follows another one's schedule as far as it goes, and show the two side by side."""
    here = services()
    parent = find_run(number(request.form, "a", smallest=1) or 0)
    incident = here.incident(parent.incident)
    if incident is None or not branches.branchable(parent, incident):
        raise PageError(
            409, f"No run can follow run {parent.id}.", why_not(parent), "Compare it with a run that is there already."
        )
    program = one_of(request.form, "program", tuple(one.name for one in incident.programs))
    stacks = {one.name: one for one in here.stacks()}
    stack = stacks[one_of(request.form, "stack", tuple(stacks))]
    if not stack.ready:
        raise not_installed(stack.name, busy=stack.busy)
    steps = () if parent.end else here.store.steps(parent.id, 1, max(0, parent.steps))
    made = here.store.create_run(
        parent.incident,
        program,
        stack.name,
        "follow",
        str(branches.followed(parent.end, steps)),
        actor=actor(),
        title=f"follows the schedule of run {parent.id}",
    )
    jobs.enqueue_run(here.store, made)
    wait_for(made, lambda run: run.over)
    return hx.see_other(f"/compare{address(parent.id, made)}")


def why_not(run: RunRecord) -> str:
    if run.mode == "natural":
        return "Nothing held the replies of a natural run, so it has no schedule to follow."
    return "Its program is not on this machine, so no run of it can be made."


def _asked(name: str) -> int:
    found = number(request.args, name, smallest=1)
    if found is None:
        raise PageError(
            400, "Two runs are needed to compare.", f"The address names none as {name}=….", "Select two on /runs."
        )
    return found


def _comparison(a: RunRecord, b: RunRecord) -> Comparison:
    store = services().store
    captions = {run.id: store.captions(run.id) for run in (a, b)}
    alignment = align(captions[a.id], captions[b.id])
    asked = number(request.args, "step")
    row = opening(alignment) if asked is None else asked
    if asked is not None and asked >= max(1, len(alignment.pairs)):
        raise PageError(
            404,
            f"Runs {a.id} and {b.id} have no row {asked}.",
            f"Their rows go from 0 to {len(alignment.pairs) - 1}.",
            "Open them without a row.",
        )
    there = alignment.steps(row) if row >= 0 else (None, None)
    present = presented()
    return compare(
        alignment,
        max(row, 0),
        _side(a, captions[a.id], there[0], present),
        _side(b, captions[b.id], there[1], present),
        asked=asked,
        view=one_of(request.args, "view", VIEWS),
        present=present,
    )


def _side(run: RunRecord, captions: list[Caption], step: int | None, present: bool) -> Asked:
    here = services()
    incident = here.incident(run.incident)
    seen = moment_of(run, -1 if step is None else step)
    if present:
        run, captions, seen = without_secrets((run, captions, seen), for_a_screen)
    return Asked(
        run,
        captions,
        room(
            run,
            seen,
            incident_title=incident.title if incident else run.incident,
            explanation=None,
            fails=incident is not None and incident.fails(run.program, run.stack),
            mends=incident.mends(run.program) if incident is not None else "",
            probes=incident.probes(run.program) if incident is not None else "",
            drives=viewer() is None,
            present=present,
        ),
        seen.step.frame if seen.step is not None else None,
    )


def _partners(run: RunRecord) -> Partners:
    here = services()
    incident = here.incident(run.incident)
    can = branches.branchable(run, incident)
    ready = {stack.name: stack.ready for stack in here.stacks()}
    programs = incident.programs if incident and can else ()
    return Partners(
        run=run,
        incident_title=incident.title if incident else run.incident,
        there=tuple(_there(run)),
        stacks=tuple(
            Candidate(run.program, name, name, is_ready)
            for name, is_ready in ready.items()
            if can and name != run.stack
        ),
        programs=tuple(
            Candidate(
                one.name,
                run.stack,
                one.title or one.name,
                ready.get(run.stack, False),
                words.PROGRAM_KINDS.get(one.kind),
            )
            for one in programs
            if one.name != run.program
        ),
        why_not="" if can else why_not(run),
    )


def _there(run: RunRecord) -> list[Partner]:
    store = services().store
    found = []
    parent = store.run(run.parent) if run.parent is not None else None
    if parent is not None:
        found.append(partner(parent, f"the run it branched from, after step {run.branch}"))
    same = RunFilter(incident=run.incident, program=run.program)
    endings = {run.signature}
    for row in store.runs(same, limit=LOOKED_AT).rows:
        if row.over and row.id != run.id and row.signature not in endings and len(found) < 6:
            endings.add(row.signature)
            found.append(partner(row, "the same program with another ending"))
    return found
