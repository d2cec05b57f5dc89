"""A run as files that need no server: a page that steps, drawings of a step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from itertools import chain
from operator import itemgetter

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from flask import stream_with_context

from dashboard.arguments import number
from dashboard.config import resource
from dashboard.errors import PageError
from dashboard.findings.explain import explain
from dashboard.findings.timeline import fold
from dashboard.findings.timeline import window
from dashboard.findings.why import Clause
from dashboard.findings.why.turn import Turn
from dashboard.presenters import offline
from dashboard.presenters.matrix import Matrix
from dashboard.presenters.overview import strip
from dashboard.presenters.room import Moment
from dashboard.presenters.room import Room
from dashboard.presenters.room import room
from dashboard.presenters.timeline import Chart
from dashboard.presenters.timeline import chart
from dashboard.presenters.words import Names
from dashboard.redaction import redact
from dashboard.redaction import without_secrets
from dashboard.runs import overview
from dashboard.services import services
from dashboard.store import Note
from dashboard.store import RunRecord
from dashboard.store import RunRow
from dashboard.views.runs import find_run
from dashboard.views.runs import moment_of
from dashboard.views.runs import timeline_of
from dashboard.views.runs import turn_of
from interlock.frame import OUTPUT
from interlock.frame import Step

page = Blueprint("offline", __name__)

PANELS = ("_caption", "_choices", "_matrix", "_source", "_events", "_outcome", "_output", "_activity", "_sessions")
SHEETS = ("tokens", "base", "parts", "room", "timeline", "together")
AT_ONCE = 50
NOWHERE = -1  # no step
DATA = "<!-- the packed steps -->"
CUT = (22, 34)  # letters that have room in a cell of a drawing, and before its row


@dataclass(frozen=True)
class OfflinePage:
    """The file: its first picture is in it, the others are packed."""

    room: Room
    first: int
    last: int
    whole: int  # number of the run's last step
    start: int  # the step it opens with
    data: Iterable[str]  # which are drawn while the file is on its way
    style: str
    script: str
    policy: str


@dataclass(frozen=True)
class Drawing:
    """A picture of a step as a file."""

    title: str
    style: str
    chart: Chart | None = None
    matrix: Matrix | None = None


@page.get("/runs/<int:run_id>/offline.html")
def html(run_id: int) -> Response:
    run = find_run(run_id)
    if run.steps < 0:
        raise _nothing(run_id)
    return page_file(_page(run), f"interlock-run-{run_id}.html")


def page_file(shown: OfflinePage, name: str) -> Response:
    """The file, begun at once: whoever asks for a large run sees it come."""
    before, after = render_template("offline.html", page=shown, data=DATA).split(DATA)
    return file(stream_with_context(chain([before], shown.data, [after])), "text/html", name)


def _page(run: RunRecord) -> OfflinePage:
    here = services()
    incident = here.incident(run.incident)
    proof = here.proofs.of(here.store, run)
    turn = turn_of(run)
    start = run.failed_at if run.failed_at is not None else run.steps if run.over else 0
    tasks = here.store.steps(run.id, start, start)[0].frame.tasks
    first, last = offline.stretch(run.steps, start, len(tasks))
    run, proof, turn = without_secrets((run, proof, turn))
    steps = _steps(run.id, max(0, first - 1), min(last + 1, run.steps))
    return offline_page(
        run,
        steps,
        (first, last),
        start=start,
        incident_title=incident.title if incident else run.incident,
        fails=incident is not None and incident.fails(run.program, run.stack),
        mends=incident.mends(run.program) if incident is not None else "",
        probes=incident.probes(run.program) if incident is not None else "",
        proof=proof,
        turn=turn,
        notes=[without_secrets(one) for one in here.store.notes(run.id)],
        family=[without_secrets(one) for one in here.store.family(run.id)],
    )


def offline_page(
    run: RunRecord,
    steps: Mapping[int, Step],
    stretch: tuple[int, int],
    *,
    start: int,
    incident_title: str,
    fails: bool,
    mends: str,
    probes: str,
    proof: tuple[Clause, ...] | None,
    turn: Turn | None,
    notes: Sequence[Note] = (),
    family: Sequence[RunRow] = (),
) -> OfflinePage:
    """The file from steps in which no secret is left; with those around the stretch, as far as there are any."""
    first, last = stretch
    explanation = explain(run.end, run.header, proof or ()) if run.end and run.header else None
    written = [(at, event) for at in range(first, last + 1) for event in steps[at].events if event.kind in OUTPUT]

    def picture(at: int) -> Room:
        before = bisect_right(written, at, key=itemgetter(0))
        made = room(
            run,
            Moment(steps[at], steps.get(at - 1), steps.get(at + 1), tuple(written[max(0, before - 200) : before])),
            incident_title=incident_title,
            explanation=explanation,
            proof=proof,
            fails=fails,
            mends=mends,
            probes=probes,
            branchable=False,
            turn=turn,
            notes=notes,
            family=family,
        )
        return replace(made, poll=None, choices=replace(made.choices, live=False), drives=False)

    def pieces() -> Iterator[list[str]]:
        drawn: dict[tuple[int, int], str] = {}  # timelines by what they show
        for at in range(first, last + 1):
            made, shown = picture(at), _window(at, stretch)
            panels = [render_template(f"runs/{name}.html", page=made, offline=True) for name in PANELS]
            if shown not in drawn:
                lanes = _lanes(made, steps, shown, stretch, notes)
                drawn[shown] = render_template("runs/_timeline.html", page=lanes, offline=True)
            yield [*panels, drawn[shown]]

    style = "".join(resource(f"static/css/{name}.css").read_text("utf-8") for name in SHEETS)
    script = resource("static/js/offline.js").read_text("utf-8")
    return OfflinePage(
        room=_lanes(picture(start), steps, _window(start, stretch), stretch, notes),
        first=first,
        last=last,
        whole=run.steps,
        start=start,
        data=offline.packed(first, pieces()),
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {offline.fingerprint(style)}; script-src {offline.fingerprint(script)}",
    )


def _window(at: int, stretch: tuple[int, int]) -> tuple[int, int]:
    """The steps that the lanes show, among those that the file holds."""
    first, last = stretch
    begin, end = window(at - first, last - first)
    return begin + first, end + first


def _lanes(
    picture: Room, steps: Mapping[int, Step], shown: tuple[int, int], stretch: tuple[int, int], notes: Sequence[Note]
) -> Room:
    """The timeline of a file: the same drawing for all steps of a window; its script says which of them is shown."""
    folded = fold(steps[at] for at in range(shown[0], shown[1] + 1))
    noted, turn = frozenset(one.step for one in notes), picture.stepper.turn
    names = Names.of(*(steps[at].frame for at in shown))
    whole = stretch == (0, picture.stepper.last)
    lanes = chart(folded, names, at=NOWHERE, last=stretch[1], noted=noted, turn=turn)
    if lanes is not None and shown[0] == stretch[0]:
        lanes = replace(lanes, earlier=None)
    seen = overview.of(steps[at] for at in sorted(steps)) if whole and lanes and not lanes.whole else None
    little = strip(seen, at=None, shown=shown, noted=noted, turn=turn) if seen else None
    return replace(picture, timeline=lanes, strip=little)


def _steps(run_id: int, first: int, last: int) -> dict[int, Step]:
    found: dict[int, Step] = {}
    for begin in range(first, last + 1, AT_ONCE):
        steps = services().store.steps(run_id, begin, min(begin + AT_ONCE - 1, last))
        found |= {step.number: step for step in without_secrets(steps)}
    return found


@page.get("/runs/<int:run_id>/timeline.svg")
def timeline(run_id: int) -> Response:
    run, shown = _drawn(run_id, "timeline")
    return _drawing(run, shown, "timeline", Drawing(shown.title, _style(), chart=shown.timeline))


@page.get("/runs/<int:run_id>/matrix.svg")
def matrix(run_id: int) -> Response:
    run, shown = _drawn(run_id, "")
    return _drawing(run, shown, "matrix", Drawing(shown.title, _style(), matrix=shown.matrix))


def _drawn(run_id: int, view: str) -> tuple[RunRecord, Room]:
    run = find_run(run_id)
    if run.steps < 0:
        raise _nothing(run_id)
    asked = number(request.args, "step")
    seen = without_secrets(moment_of(run, asked))
    return run, room(
        run,
        seen,
        incident_title=run.incident,
        explanation=None,
        view=view,
        timeline=timeline_of(run, asked) if view else None,
        turn=turn_of(run),
    )


def _drawing(run: RunRecord, shown: Room, what: str, drawing: Drawing) -> Response:
    text = redact(render_template(f"offline/{what}.svg", page=drawing, cut=CUT))
    return file(text, "image/svg+xml", f"interlock-run-{run.id}-{what}-{shown.stepper.number}.svg")


def _style() -> str:
    sheets = (resource(f"static/css/{name}.css").read_text("utf-8") for name in ("tokens", "timeline"))
    return offline.drawing_style(*sheets)


def file(text: str | Iterable[str], kind: str, name: str) -> Response:
    return Response(text, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _nothing(run_id: int) -> PageError:
    return PageError(
        409, f"Run {run_id} has no step yet.", "There is nothing to take away.", "Wait until it has begun."
    )
