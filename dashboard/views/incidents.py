"""Incidents: the list, and each with its story, its programs, its source, and the form that starts a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint
from flask import render_template
from flask import request

from dashboard.arguments import number
from dashboard.arguments import one_of
from dashboard.arguments import optional
from dashboard.catalogue.guide import LONGEST
from dashboard.catalogue.guide import look_up
from dashboard.catalogue.incidents import OUTCOMES
from dashboard.catalogue.incidents import Incident
from dashboard.errors import PageError
from dashboard.presenters import catalogue
from dashboard.presenters import exploration
from dashboard.presenters import listing
from dashboard.presenters import words
from dashboard.presenters.catalogue import IncidentCard
from dashboard.presenters.catalogue import ProgramLine
from dashboard.presenters.listing import Facet
from dashboard.presenters.listing import Head
from dashboard.presenters.listing import Pages
from dashboard.presenters.source import File
from dashboard.presenters.source import source
from dashboard.presenters.stacks import StackCard
from dashboard.services import services
from dashboard.store import RunFilter
from dashboard.store.runs import EVERY_RUN

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
    card: IncidentCard
    family: str
    ends: frozenset[str]  # the failures that its broken programs are declared to show
    programs: tuple[ProgramLine, ...]
    runs: int


@dataclass(frozen=True)
class IncidentsPage:
    rows: tuple[IncidentLine, ...]
    stacks: tuple[str, ...]  # that have a column
    heads: tuple[Head, ...]
    pages: Pages
    search: str
    filtered: bool
    order: str
    facets: tuple[Facet, ...]
    longest: int = LONGEST


SORTS: Mapping[str, Callable[[IncidentLine], str | int]] = {
    "title": lambda row: row.card.title.casefold(),
    "family": lambda row: row.family,
    "symptom": lambda row: row.card.symptom.casefold(),
    "programs": lambda row: len(row.programs),
    "runs": lambda row: row.runs,
}


@page.get("/incidents")
def incidents() -> str:
    """All incidents in a table to sort. What a search finds is what the field guide finds, the best first."""
    here = services()
    search = optional(request.args, "search", LONGEST) or ""
    given = {name: optional(request.args, name) for name in ("family", "ends")}
    asked = request.args.get("sort") or ""
    sort = asked or ("" if search else "title")
    column = one_of({"sort": sort.removeprefix("-")}, "sort", ("", *SORTS))
    every = here.catalogue().incidents
    stacks = catalogue.columns(every)
    rows = _lines(look_up(search, every).incidents, stacks)
    found = [row for row in rows if all(_has(row, *one) for one in given.items())]
    if column:
        found.sort(key=SORTS[column], reverse=sort.startswith("-"))
    state = {"search": search, **given}
    at = min(number(request.args, "page", smallest=1) or 1, listing.last_page(len(found)))
    return render_template(
        "incidents.html",
        page=IncidentsPage(
            rows=tuple(found[(at - 1) * listing.PAGE_SIZE : at * listing.PAGE_SIZE]),
            stacks=stacks,
            heads=listing.heads(_columns(stacks), SORTS, sort, "/incidents", state),
            pages=listing.pages(at, len(found), "/incidents", {**state, "sort": asked}),
            search=search,
            filtered=any(state.values()),
            order="" if column else "the best first",
            facets=tuple(_facets(rows, given)),
        ),
    )


def _columns(stacks: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    return {
        "title": ("Incident", ""),
        "family": ("Family", "family"),
        "symptom": ("Symptom", "seen"),
        "programs": ("Programs", "program-cell"),
        **{stack: (stack.removeprefix("sqlalchemy-"), "ending-cell") for stack in stacks},
        "runs": ("Runs", "num"),
    }


def _lines(incidents: Sequence[Incident], stacks: Sequence[str]) -> list[IncidentLine]:
    here = services()
    counts = here.store.listed(EVERY_RUN, limit=1).facets["incident"]
    cards = catalogue.cards(incidents, here.stacks(), here.store.latest_runs())
    return [
        IncidentLine(
            card=card,
            family=words.FAMILIES[one.family][0],
            ends=frozenset(
                expected.outcome
                for program in one.programs
                if program.kind == "broken"
                for expected in program.expectations.values()
                if expected.outcome != "ok"
            ),
            programs=catalogue.lines(card, stacks),
            runs=counts.get(one.name, 0),
        )
        for one, card in zip(incidents, cards, strict=True)
    ]


def _has(row: IncidentLine, facet: str, value: str | None) -> bool:
    return value is None or value in (row.ends if facet == "ends" else (row.family,))


def _facets(rows: Sequence[IncidentLine], given: Mapping[str, str | None]) -> Iterator[Facet]:
    """How many there would be of each, the other facet as it is."""
    ends = {name: words.OUTCOMES[name].word for name in OUTCOMES if name != "ok"}
    families = Counter(row.family for row in rows if _has(row, "ends", given["ends"]))
    endings = Counter(end for row in rows if _has(row, "family", given["family"]) for end in row.ends)
    yield listing.facet("family", "Family", families, given["family"], {})
    yield listing.facet("ends", "Shows", endings, given["ends"], ends)


@page.get("/incidents/<name>")
def incident(name: str) -> str:
    here = services()
    found = here.incident(name)
    if found is None:
        raise no_incident(name)
    stacks = here.stacks()
    runs = here.store.runs(RunFilter(incident=name), limit=1).total
    [card] = catalogue.cards([found], stacks, here.store.latest_runs())
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
