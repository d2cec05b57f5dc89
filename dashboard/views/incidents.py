"""Incidents: the list, and each with its story, its programs, its source, and the form that starts a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint
from flask import render_template
from flask import request

from dashboard.errors import PageError
from dashboard.guide import LONGEST
from dashboard.guide import look_up
from dashboard.incidents import Incident
from dashboard.presenters import catalogue
from dashboard.presenters import exploration
from dashboard.presenters import listing
from dashboard.presenters import words
from dashboard.presenters.catalogue import IncidentCard
from dashboard.presenters.listing import Facet
from dashboard.presenters.listing import Head
from dashboard.presenters.listing import Pages
from dashboard.presenters.source import File
from dashboard.presenters.source import source
from dashboard.presenters.stacks import StackCard
from dashboard.services import services
from dashboard.store import RunFilter
from dashboard.store.runs import EVERY_RUN
from dashboard.views.arguments import number
from dashboard.views.arguments import one_of
from dashboard.views.arguments import optional

page = Blueprint("incidents", __name__)


@dataclass(frozen=True)
class IncidentPage:
    incident: Incident
    card: IncidentCard
    stacks: tuple[StackCard, ...]
    files: tuple[File, ...]
    runs: int
    chosen: dict[str, str]  # what the form starts with
    explored: dict[tuple[str, str], tuple[str, str]]  # by program and stack: where, what was found
    orders: int = exploration.ORDERS
    seconds: int = exploration.SECONDS


@dataclass(frozen=True)
class IncidentLine:
    name: str
    title: str
    family: str
    symptom: str
    summary: str
    programs: int
    problems: int
    runs: int


@dataclass(frozen=True)
class IncidentsPage:
    rows: tuple[IncidentLine, ...]
    heads: tuple[Head, ...]
    pages: Pages
    search: str
    family: str
    facets: tuple[Facet, ...]
    longest: int = LONGEST


COLUMNS = {
    "title": ("Incident", ""),
    "family": ("Family", ""),
    "symptom": ("Symptom", ""),
    "programs": ("Programs", "num"),
    "runs": ("Runs", "num"),
}


@page.get("/incidents")
def incidents() -> str:
    """All incidents in a table that can be sorted. What a search finds is what the field guide finds."""
    here = services()
    search = optional(request.args, "search", LONGEST) or ""
    sort = request.args.get("sort") or "title"
    column = one_of({"sort": sort.removeprefix("-")}, "sort", tuple(COLUMNS))
    counts = here.store.listed(EVERY_RUN, limit=1).facets["incident"]
    rows = [
        IncidentLine(
            one.name,
            one.title,
            words.FAMILIES[one.family][0],
            one.symptom,
            one.summary,
            len(one.programs),
            len(one.problems),
            counts.get(one.name, 0),
        )
        for one in look_up(search, here.catalogue().incidents).incidents
    ]
    family = optional(request.args, "family") or ""
    families = Counter(row.family for row in rows)
    rows = [row for row in rows if family in ("", row.family)]
    rows.sort(key=lambda row: getattr(row, column), reverse=sort.startswith("-"))
    given = {"search": search, "family": family}
    at = min(number(request.args, "page", smallest=1) or 1, listing.last_page(len(rows)))
    shown = rows[(at - 1) * listing.PAGE_SIZE : at * listing.PAGE_SIZE]
    return render_template(
        "incidents.html",
        page=IncidentsPage(
            tuple(shown),
            listing.heads(COLUMNS, COLUMNS, sort, "/incidents", given),
            listing.pages(at, len(rows), "/incidents", {**given, "sort": request.args.get("sort")}),
            search,
            family,
            (listing.facet("family", "Family", families, family or None, {}),),
        ),
    )


@page.get("/incidents/<name>")
def incident(name: str) -> str:
    here = services()
    found = here.incident(name)
    if found is None:
        raise no_incident(name)
    stacks = here.stacks()
    runs = here.store.runs(RunFilter(incident=name), limit=1).total
    ready = frozenset(stack.name for stack in stacks if stack.ready)
    card = catalogue.card(found, [stack.name for stack in stacks], ready, catalogue.latest(here.store.latest_runs()))
    main = card.main.name + ".py" if card.main else ""
    first = card.main.verdicts[0] if card.main and card.main.verdicts else None
    chosen = {
        "program": card.main.name if card.main else "",
        "stack": first.stack if first else "",
        "mode": "step",
        "schedule": "",
    }
    chosen.update(
        {key: value for key, value in request.args.items() if key in ("program", "stack", "mode", "schedule", "seed")}
    )
    latest = here.store.latest_explorations(name)
    explored = {(one.program, one.stack): (exploration.url(one), exploration.in_short(one)) for one in latest}
    return render_template(
        "incident.html",
        page=IncidentPage(found, card, stacks, source(_texts(found), main, None), runs, chosen, explored),
    )


def no_incident(name: str) -> PageError:
    known = ", ".join(one.name for one in services().catalogue().incidents)
    return PageError(
        404,
        f"There is no incident {name[:80]!r}.",
        f"Known here: {known}." if known else "No folder of incidents was found.",
        "Choose one on the home page; folders of your own are added with INTERLOCK_SCENARIOS.",
    )


def _texts(incident: Incident) -> dict[str, str]:
    """The incident's Python files. One that cannot be read is among its problems already."""
    return {path.name: path.read_text("utf-8", "replace") for path in sorted(incident.folder.glob("*.py"))}
