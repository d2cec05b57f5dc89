"""The home page: what this is, the incidents with their *Run scenario*, the stacks, the latest runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from datetime import datetime

from flask import Blueprint
from flask import render_template

from dashboard.incidents import Problem
from dashboard.presenters import catalogue
from dashboard.presenters.catalogue import IncidentCard
from dashboard.presenters.runlist import RunLine
from dashboard.presenters.runlist import lines
from dashboard.presenters.stacks import StackCard
from dashboard.services import services

page = Blueprint("home", __name__)

LATEST = 200
"""So many runs are looked at for the latest verdict of each program."""
RECENT = 8


@dataclass(frozen=True)
class HomePage:
    incidents: tuple[IncidentCard, ...]
    problems: tuple[Problem, ...]
    stacks: tuple[StackCard, ...]
    recent: tuple[RunLine, ...]
    total: int


@page.get("/")
def home() -> str:
    here = services()
    found = here.catalogue()
    runs = here.store.runs(limit=LATEST)
    stacks = here.stacks()
    last = catalogue.latest(runs.rows)
    ready = frozenset(stack.name for stack in stacks if stack.ready)
    names = [stack.name for stack in stacks]
    titles = {incident.name: incident.title for incident in found.incidents}
    return render_template(
        "home.html",
        page=HomePage(
            incidents=tuple(catalogue.card(incident, names, ready, last) for incident in found.incidents),
            problems=found.problems,
            stacks=stacks,
            recent=lines(runs.rows[:RECENT], titles, datetime.now(UTC)),
            total=runs.total,
        ),
    )
