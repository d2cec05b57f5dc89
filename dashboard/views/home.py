"""The home page: what this is, the incident to begin with, the field guide to all, the stacks, the latest runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.arguments import optional
from dashboard.catalogue.guide import LONGEST
from dashboard.catalogue.guide import look_up
from dashboard.catalogue.handwritten import Problem
from dashboard.presenters import catalogue
from dashboard.presenters.catalogue import IncidentCard
from dashboard.presenters.guide import Guide
from dashboard.presenters.guide import guide
from dashboard.presenters.runlist import RunLine
from dashboard.presenters.runlist import lines
from dashboard.presenters.stacks import StackCard
from dashboard.services import services

page = Blueprint("home", __name__)

RECENT = 5


@dataclass(frozen=True)
class HomePage:
    featured: tuple[IncidentCard, ...]
    guide: Guide
    problems: tuple[Problem, ...]
    stacks: tuple[StackCard, ...]
    recent: tuple[RunLine, ...]
    total: int
    longest: int = LONGEST


@page.get("/")
def home() -> str:
    here = services()
    found = here.catalogue()
    stacks = here.stacks()
    shown = catalogue.cards(found.incidents, stacks, here.store.latest_runs())
    runs = here.store.runs(limit=RECENT)
    query = _query()
    featured = {incident.name for incident in found.incidents if incident.featured and not query}
    return render_template(
        "home.html",
        page=HomePage(
            featured=tuple(card for card in shown if card.name in featured),
            guide=guide(query, look_up(query, found.incidents), shown, found.incidents),
            problems=found.problems,
            stacks=stacks,
            recent=lines(runs.rows, {one.name: one for one in found.incidents}, datetime.now(UTC)),
            total=runs.total,
        ),
    )


@page.get("/incidents/guide")
def found() -> BaseResponse:
    """The guide alone, while somebody types."""
    here, query = services(), _query()
    incidents = here.catalogue().incidents
    cards = catalogue.cards(incidents, here.stacks(), here.store.latest_runs())
    shown = guide(query, look_up(query, incidents), cards, incidents)
    html = render_template("incidents/_guide.html", guide=shown)
    return hx.fragment(html, replace=f"/?{urlencode({'q': query})}" if query else "/")


def _query() -> str:
    return optional(request.args, "q", LONGEST) or ""
