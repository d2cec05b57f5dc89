"""The list of runs, and what is done to many of them at once: compare two, pin, export, delete."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from datetime import UTC
from datetime import datetime
from typing import IO
from typing import Any
from typing import cast
from urllib.parse import urlencode

from flask import Blueprint
from flask import Response
from flask import redirect
from flask import render_template
from flask import request
from flask import stream_with_context
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.arguments import one_of
from dashboard.arguments import optional
from dashboard.errors import PageError
from dashboard.errors import not_installed
from dashboard.presenters import listing
from dashboard.presenters import words
from dashboard.presenters.listing import PAGE_SIZE
from dashboard.presenters.listing import Facet
from dashboard.presenters.listing import Head
from dashboard.presenters.listing import Pages
from dashboard.presenters.runlist import RunLine
from dashboard.presenters.runlist import lines
from dashboard.runs import branches
from dashboard.services import services
from dashboard.store import DeletionPreview
from dashboard.store import ExportSize
from dashboard.store import Listed
from dashboard.store import RunFilter
from dashboard.store import Selection
from dashboard.store import SelectionChanged
from dashboard.store.runlist import SORTS
from dashboard.views.runs import find_run
from dashboard.views.runs import journal_lines
from dashboard.work import jobs
from interlock.schedule import Schedule

page = Blueprint("runlist", __name__)

EXPORTED = 500  # runs in one archive
CHOSEN = 1000  # runs named one by one in a request
AGAIN = 20  # runs that are started again at once
ACTIONS = ("compare", "export", "download", "delete")
TOOK = {
    "0.2s": "up to 0.2 s",
    "1s": "0.2 to 1 s",
    "10s": "1 to 10 s",
    "1min": "10 s to 1 min",
    "longer": "more than 1 min",
}
STARTED = {
    "hour": "in the last hour",
    "day": "1 to 24 hours ago",
    "week": "1 to 7 days ago",
    "month": "7 to 30 days ago",
    "older": "longer ago",
}
KEPT = {"pinned": "pinned", "noted": "has notes"}
COLUMNS = {
    "run": ("Run", "num"),
    "program": ("Program", ""),
    "stack": ("Stack", ""),
    "mode": ("Mode", ""),
    "steps": ("Steps", "num"),
    "outcome": ("Outcome", ""),
    "summary": ("What came of it", ""),
    "took": ("Took", "num"),
    "started": ("Started", ""),
}


@dataclass(frozen=True)
class RunsPage:
    rows: tuple[RunLine, ...]
    filter: RunFilter
    given: Mapping[str, str]  # the filter as the address has it
    upto: int  # no newer run than this is among them, on any of the pages
    newer: int  # that match and have come in since
    anew: str  # the list with these
    sort: str
    order: str  # in words
    facets: tuple[Facet, ...]
    heads: tuple[Head, ...]
    pages: Pages
    number: int  # of the page


@page.get("/runs")
def runs() -> str:
    here = services()
    wanted = _filter(request.args)
    given = {name: value for name, value in vars(wanted).items() if value is not None and name != "upto"}
    sort = request.args.get("sort") or "-run"
    name = one_of({"sort": sort.removeprefix("-")}, "sort", tuple(SORTS))
    at = number(request.args, "page", smallest=1) or 1
    down = sort.startswith("-")
    found = here.store.listed(wanted, name, down=down, offset=(at - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    if not found.rows and found.total:  # some were deleted since the link was made
        at = listing.last_page(found.total)
        found = here.store.listed(wanted, name, down=down, offset=(at - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    incidents = {one.name: one for one in here.catalogue().incidents}
    state = {**given, "sort": None if sort == "-run" else sort}
    upto = wanted.upto or found.newest
    return render_template(
        "runs.html",
        page=RunsPage(
            rows=lines(found.rows, incidents, datetime.now(UTC), found.pinned),
            filter=wanted,
            given=given,
            upto=upto,
            newer=found.newer,
            anew=listing.address("/runs", state),
            sort="" if sort == "-run" else sort,
            order="newest first" if sort == "-run" else f"by {COLUMNS[name][0].lower()}{', downwards' if down else ''}",
            facets=tuple(_facets(wanted, found, {name: one.title for name, one in incidents.items()})),
            heads=listing.heads(COLUMNS, SORTS, sort, "/runs", state),
            pages=listing.pages(at, found.total, "/runs", state, upto),
            number=at,
        ),
    )


def _facets(wanted: RunFilter, found: Listed, incidents: Iterable[str]) -> Iterator[Facet]:
    """What can be filtered by; a facet by which nothing can be told apart is left out."""
    labels: dict[str, Mapping[str, str]] = {
        "incident": {name: name for name in incidents},
        "outcome": {name: mark.word for name, mark in words.OUTCOMES.items()},
        "status": {name: mark.word for name, mark in words.STATUSES.items()},
        "took": TOOK,
        "started": STARTED,
        "kept": KEPT,
    }
    for name, counts in found.facets.items():
        chosen = getattr(wanted, name)
        if counts or chosen:
            yield listing.facet(name, name.capitalize(), counts, chosen, labels.get(name, {}))


# What is done to many


@dataclass(frozen=True)
class DeletePage:
    going: DeletionPreview
    fields: tuple[tuple[str, str], ...]  # the selection, for the form to send again
    export: str | None  # where they are to be had first, if they are not too many for an archive
    back: str
    changed: bool  # it is shown again because meanwhile the selection is another one


@dataclass(frozen=True)
class ExportPage:
    load: ExportSize
    most: int  # runs in one archive
    url: str  # of the archive
    back: str


@page.get("/runs/selected")
def selected() -> BaseResponse | str:
    """What the buttons of the list lead to; nothing is changed by it."""
    action = one_of(request.args, "action", ACTIONS)
    chosen = selection(request.args)
    if action == "compare":
        ids = services().store.selected(chosen, 3)
        if len(ids) != 2:
            raise PageError(
                400,
                "Two runs can be compared.",
                "More than two are chosen." if len(ids) > 2 else f"{words.count(len(ids), 'run')} chosen.",
                "Go back and choose exactly two.",
            )
        return redirect(f"/compare?a={ids[1]}&b={ids[0]}", code=303)
    if action == "download":
        return _export(chosen)
    if action == "export":
        fields = _fields()
        return render_template(
            "runs/export.html",
            page=ExportPage(
                load=services().store.export_size(chosen),
                most=EXPORTED,
                url=f"/runs/selected?{urlencode([*fields, ('action', 'download')])}",
                back=_back(request.args),
            ),
        )
    return _confirm(services().store.preview_deletion(chosen), changed=False)


@page.post("/runs/delete")
def delete() -> BaseResponse | str | tuple[str, int]:
    """Delete what the confirmation page showed; if that is no longer the same runs, show it again."""
    try:
        services().store.delete_runs(selection(request.form), request.form.get("mark", ""), actor())
    except SelectionChanged as change:
        return _confirm(change.going, changed=True), 409
    return hx.see_other(_back(request.form))


@page.post("/runs/again")
def again() -> BaseResponse:
    """Have the chosen runs once more, each under the schedule that was carried out. All of them begin, or none."""
    here = services()
    ids = here.store.selected(selection(request.form), AGAIN + 1)
    if len(ids) > AGAIN:
        raise _too_many(f"Up to {AGAIN} runs are started again at once.")
    stacks = {one.name: one for one in here.stacks()}
    runs = [find_run(run_id) for run_id in reversed(ids)]  # the oldest first, so that the list has them in its order
    for run in runs:
        incident, stack = here.incident(run.incident), stacks.get(run.stack)
        if not run.over or run.outcome == "invalid":
            why = "It is still going on." if not run.over else "It could not be started the first time."
            raise PageError(409, f"Run {run.id} cannot be had again.", why, "Take it off the choice.")
        if incident is None or incident.program(run.program) is None or stack is None:
            raise PageError(
                409,
                f"Run {run.id} cannot be had again.",
                "Its program or its stack is not known to this dashboard.",
                "Take it off the choice; its steps can be looked at all the same.",
            )
        if not stack.ready:
            raise not_installed(stack.name, busy=stack.busy)
    for run in runs:
        natural = run.mode == "natural"
        steps = () if natural or run.end else here.store.steps(run.id, 1, run.steps)
        schedule = Schedule() if natural else branches.followed(run.end, steps)
        mode = "natural" if natural else "replay"
        made = here.store.create_run(run.incident, run.program, run.stack, mode, str(schedule), actor=actor())
        jobs.enqueue_run(here.store, made)
    return hx.see_other(f"/runs/{made}" if len(runs) == 1 else "/runs")


@page.post("/runs/pin")
def pin() -> BaseResponse:
    """Have retention keep the chosen runs, or no longer."""
    on = one_of(request.form, "action", ("pin", "unpin")) == "pin"
    store = services().store
    ids = store.selected(selection(request.form), CHOSEN + 1)
    if len(ids) > CHOSEN:
        raise _too_many(f"Up to {CHOSEN} runs are pinned at once.")
    store.pin(ids, actor(), on=on)
    return hx.see_other(_back(request.form))


def selection(values: MultiDict[str, str]) -> Selection:
    """The runs that were ticked, or all that match the filter."""
    if values.get("all"):
        return Selection(filter=_filter(values))
    ids = [text for text in values.getlist("run") if text.isascii() and text.isdigit() and len(text) < 19]
    if not ids:
        raise PageError(400, "No run is chosen.", "", "Go back and tick the runs that are meant, or all that match.")
    if len(ids) > CHOSEN:
        raise _too_many(f"Up to {CHOSEN} runs are named one by one.")
    return Selection(ids=tuple(map(int, ids)))


def _too_many(what: str) -> PageError:
    return PageError(400, what, "More than that are chosen.", "Narrow the filter, and do it in parts.")


def _filter(values: Mapping[str, str]) -> RunFilter:
    texts = {field.name: optional(values, field.name) for field in fields(RunFilter) if field.name != "upto"}
    return RunFilter(**texts, upto=number(values, "upto"))


def _back(values: Mapping[str, str]) -> str:
    """The list as it was filtered; its first page as it is now."""
    given = {**vars(_filter(values)), "sort": optional(values, "sort"), "page": optional(values, "page")}
    return listing.address("/runs", given, **({} if given["page"] else {"upto": None}))


def _confirm(going: DeletionPreview, *, changed: bool) -> str:
    chosen = _fields()
    return render_template(
        "runs/delete.html",
        page=DeletePage(
            going=going,
            fields=chosen,
            export=f"/runs/selected?{urlencode([*chosen, ('action', 'download')])}" if going.runs <= EXPORTED else None,
            back=_back(request.values),
            changed=changed,
        ),
    )


def _fields() -> tuple[tuple[str, str], ...]:
    """The selection, to be sent again."""
    values = request.values
    names = [name for name in values if name not in ("action", "mark")]
    return tuple((name, value) for name in names for value in values.getlist(name))


def _export(chosen: Selection) -> Response:
    ids = services().store.selected(chosen, EXPORTED + 1)
    if len(ids) > EXPORTED:
        raise _too_many(f"Up to {EXPORTED} runs go into one archive.")
    runs = [find_run(run_id) for run_id in ids]
    name = f"interlock-{words.count(len(ids), 'run').replace(' ', '-')}.zip"

    def written() -> Iterator[bytes]:
        sink = Sink()
        with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as archive:
            for run in runs:
                with archive.open(f"interlock-run-{run.id}.jsonl", "w") as entry:
                    for line in journal_lines(run):
                        entry.write(line.encode())
                        yield from sink.taken()
        yield from sink.taken()

    return Response(
        stream_with_context(written()),
        mimetype="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class Sink(io.RawIOBase):
    """A file that is only written to, and handed out as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        parts, self._parts = self._parts, []
        yield from parts
