"""Explorations: trying many orders of a program, or the continuations of a run, and what came of it."""

from __future__ import annotations

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.errors import PageError
from dashboard.errors import not_installed
from dashboard.presenters import exploration as presenter
from dashboard.presenters.exploration import ORDERS
from dashboard.presenters.exploration import SECONDS
from dashboard.presenters.exploration import ExplorationPage
from dashboard.runs import branches
from dashboard.security import viewer
from dashboard.services import services
from dashboard.store import ExplorationRow
from dashboard.views.runs import asked_program
from dashboard.views.runs import find_run
from dashboard.views.stacks import install_for
from dashboard.work import jobs

page = Blueprint("explorations", __name__)

MOST_ORDERS = 20_000
MOST_SECONDS = 1800


@page.post("/explorations")
def start() -> BaseResponse:
    """Try many orders of a program of the catalogue. While that is done, asking again leads there."""
    here, (incident, program, stack) = services(), asked_program()
    if program.kind == "timing":
        raise PageError(
            409,
            f"{program.name} has no orders to try.",
            "It measures time on the plain network; its replies are not held.",
            "Run it naturally.",
        )
    if not stack.ready:
        return install_for(stack, incident.name, program.name)
    orders, seconds = _bounded("orders", ORDERS, MOST_ORDERS), _bounded("seconds", SECONDS, MOST_SECONDS)
    going_on = (one for one in here.store.latest_explorations(incident.name) if not one.over)
    known = next((one for one in going_on if (one.program, one.stack) == (program.name, stack.name)), None)
    if known is not None:
        return hx.see_other(presenter.url(known))
    made = here.store.create_exploration(incident.name, program.name, stack.name, orders, seconds, actor=actor())
    jobs.enqueue_exploration(here.store, made)
    return hx.see_other(f"/explorations/{made}")


@page.post("/runs/<int:run_id>/explorations")
def search(run_id: int) -> BaseResponse:
    """Look for the step of a run after which every continuation fails. While that is done, asking again leads there."""
    here, run = services(), find_run(run_id)
    if not branches.searchable(run, here.incident(run.incident)):
        raise PageError(
            409,
            f"Run {run_id} has no step where its failure became inevitable.",
            "That is looked for in a run that is over, failed, had its replies held, and has its program here.",
            "Choose another run.",
        )
    stack = next((one for one in here.stacks() if one.name == run.stack), None)
    if stack is None or not stack.ready:
        raise not_installed(run.stack, busy=stack is not None and stack.busy)
    orders, seconds = _bounded("orders", ORDERS, MOST_ORDERS), _bounded("seconds", SECONDS, MOST_SECONDS)
    known = next((one for one in here.store.explorations_of(run_id) if not one.over), None)
    made = known.id if known is not None else 0
    if known is None:
        made = here.store.create_exploration(
            run.incident, run.program, run.stack, orders, seconds, actor=actor(), run_id=run_id
        )
        jobs.enqueue_exploration(here.store, made)
    return hx.see_other(f"/runs/{run_id}/explorations/{made}")


@page.get("/explorations/<int:exploration_id>")
@page.get("/runs/<int:run_id>/explorations/<int:exploration_id>")
def show(exploration_id: int, run_id: int | None = None) -> str | BaseResponse:
    row = _find(exploration_id)
    if run_id != row.run_id:
        if viewer() is not None:  # whose link is for another run
            raise _none(exploration_id)
        return hx.see_other(presenter.url(row))
    return render_template("exploration.html", page=_page(row))


@page.get("/explorations/<int:exploration_id>/live")
@page.get("/runs/<int:run_id>/explorations/<int:exploration_id>/live")
def live(exploration_id: int, run_id: int | None = None) -> Response:
    row = _find(exploration_id)
    if run_id != row.run_id:
        raise _none(exploration_id)
    if number(request.args, "rev") == row.rev:
        return hx.nothing_new()
    return hx.fragment(render_template("explorations/_exploration.html", page=_page(row)))


@page.post("/explorations/<int:exploration_id>/cancel")
def cancel(exploration_id: int) -> BaseResponse:
    """End it; what was tried up to now stays."""
    store = services().store
    row = _find(exploration_id)
    store.cancel_exploration(exploration_id, actor())
    store.wait_exploration(exploration_id, row.rev + 1, 1.0)
    if hx.wants_fragment():
        return hx.fragment(render_template("explorations/_exploration.html", page=_page(_find(exploration_id))))
    return hx.see_other(presenter.url(row))


@page.post("/explorations/<int:exploration_id>/delete")
def delete(exploration_id: int) -> BaseResponse:
    row = _find(exploration_id)
    if not services().store.delete_exploration(exploration_id, actor()):
        raise PageError(
            409,
            f"Exploration {exploration_id} cannot be deleted now.",
            "It goes on, or its schema in the lab is not cleared yet.",
            "Cancel it, or try again in a moment.",
        )
    return hx.see_other(f"/incidents/{row.incident}" if row.run_id is None else f"/runs/{row.run_id}")


def _page(row: ExplorationRow) -> ExplorationPage:
    incident = services().incident(row.incident)
    known = incident is not None and incident.program(row.program) is not None
    title = incident.title if incident else row.incident
    return presenter.page(row, incident_title=title, known=known, drives=viewer() is None)


def _bounded(name: str, usual: int, most: int) -> int:
    wanted = number(request.form, name, smallest=1)
    if wanted is not None and wanted > most:
        raise PageError(400, f"{name}={wanted} is too many.", f"At most {most:,} can be asked for.", "Ask for fewer.")
    return usual if wanted is None else wanted


def _find(exploration_id: int) -> ExplorationRow:
    row = services().store.exploration(exploration_id)
    if row is None:
        raise _none(exploration_id)
    return row


def _none(exploration_id: int) -> PageError:
    return PageError(
        404,
        f"There is no exploration {exploration_id}.",
        "It was never made, or it has been deleted.",
        "Explore a program from its incident’s page.",
    )
