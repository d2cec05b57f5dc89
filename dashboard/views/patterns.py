"""The comparison of patterns: drawn from runs, and a button that has them made."""

from __future__ import annotations

import os
import platform

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.catalogue import patterns
from dashboard.catalogue.patterns import Patterns
from dashboard.errors import PageError
from dashboard.presenters.patterns import PatternsPage
from dashboard.presenters.patterns import page as present
from dashboard.services import services
from dashboard.views.stacks import install_for
from dashboard.work import jobs

page = Blueprint("patterns", __name__)


@page.get("/patterns")
def show() -> str:
    return render_template("patterns.html", page=_page(_patterns()))


@page.get("/patterns/live")
def live() -> Response:
    shown = _page(_patterns())
    if request.args.get("rev") == shown.rev:
        return hx.nothing_new()
    return hx.fragment(render_template("patterns/_table.html", page=shown))


@page.post("/patterns/runs")
def run() -> BaseResponse:
    """Have every experiment run, unless they are under way."""
    here, found = services(), _patterns()
    stack = next((one for one in here.stacks() if one.name == found.stack), None)
    if stack is not None and not stack.ready:
        return install_for(stack, found.incident.name, found.timing.program)
    if not _page(found).busy:
        for one in found.experiments:
            run_id = here.store.create_run(
                found.incident.name, one.program, found.stack, one.mode, one.schedule, actor=actor()
            )
            jobs.enqueue_run(here.store, run_id)
    if hx.wants_fragment():
        return hx.fragment(render_template("patterns/_table.html", page=_page(found)))
    return hx.see_other("/patterns")


def _patterns() -> Patterns:
    found, problems = patterns.find(services().catalogue())
    if found is None:
        raise PageError(
            404 if not problems else 500,
            "There is nothing to compare.",
            " ".join(map(str, problems)) or f"No incident here has a file {patterns.FILE}.",
            "It comes with the incidents of Interlock; see INTERLOCK_SCENARIOS.",
        )
    return found


def _page(found: Patterns) -> PatternsPage:
    here = services()
    return present(
        found,
        here.store.newest_runs(found.incident.name, found.stack),
        lambda row: here.facts.of(here.store, row.id, found.meanwhile),
        f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}",
    )
