"""Who is here and who leads: a bar of the run page that is polled apart from the picture, for it differs by reader."""

from __future__ import annotations

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import actor
from dashboard import hx
from dashboard.arguments import number
from dashboard.errors import no_run
from dashboard.person import Person
from dashboard.presenters.company import CompanyBar
from dashboard.presenters.company import bar
from dashboard.presenters.company import mark
from dashboard.presenters.room import Room
from dashboard.security import viewer
from dashboard.services import services
from dashboard.store import UnknownRun

page = Blueprint("company", __name__)


@page.get("/runs/<int:run_id>/company")
def live(run_id: int) -> Response:
    """The bar, if it differs from the one that was seen. Whoever asks is there."""
    here, person = services(), actor.current()
    if person is not None:
        here.company.note(here.store, run_id, person)
    try:
        audience = here.company.of(here.store, run_id, person)
    except UnknownRun:
        return hx.fragment('<div id="company"></div>')  # the page says so itself; asking ends here
    if request.args.get("seen") == mark(audience):
        return hx.nothing_new()
    shown = bar(run_id, audience, person, viewer=viewer() is not None)
    return hx.fragment(render_template("runs/_company.html", company=shown))


@page.post("/runs/<int:run_id>/company/name")
def name(run_id: int) -> BaseResponse:
    """Say who you are, or (empty) no longer."""
    person = actor.rename(request.form.get("name", ""))
    services().company.note(services().store, run_id, person)
    return _answer(run_id, person)


@page.post("/runs/<int:run_id>/lead")
def lead(run_id: int) -> BaseResponse:
    """Lead from the step that is shown: from whoever did before, too."""
    here, person = services(), actor.ensure()
    run = here.store.run(run_id)
    if run is None:
        raise no_run(run_id)
    step = number(request.form, "step")
    here.store.seen(run_id, person.id, person.name, viewer=person.viewer)
    here.store.lead(run_id, person.id, step if step is not None and (run.over or step < run.steps) else None)
    here.company.forget(run_id)
    return _answer(run_id, person)


@page.post("/runs/<int:run_id>/lead/stop")
def stop(run_id: int) -> BaseResponse:
    here, person = services(), actor.ensure()
    here.store.stop_leading(run_id, person.id)
    here.company.forget(run_id)
    return _answer(run_id, person)


def _answer(run_id: int, person: Person | None) -> BaseResponse:
    if not hx.wants_fragment():
        return hx.see_other(f"/runs/{run_id}")
    return hx.fragment(render_template("runs/_company.html", company=_bar(run_id, person)))


def arrived(run_id: int, picture: Room) -> CompanyBar:
    """Somebody has opened the page of a run: the bar as it then is."""
    here, person = services(), actor.ensure()
    here.company.note(here.store, run_id, person)
    went(run_id, picture)
    return _bar(run_id, person)


def went(run_id: int, picture: Room) -> None:
    """Somebody has gone to a step; if they lead, the others come along."""
    here, person = services(), actor.current()
    if person is not None and not person.viewer:
        where = None if picture.stepper.live else picture.stepper.number
        here.company.went(here.store, run_id, person, where)


def _bar(run_id: int, person: Person | None) -> CompanyBar:
    try:
        audience = services().company.of(services().store, run_id, person)
    except UnknownRun:
        raise no_run(run_id) from None
    return bar(run_id, audience, person, viewer=viewer() is not None)
