"""The title of a run: what people call it, changed by drivers and read wherever the run is shown or taken away."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint
from flask import render_template
from flask import request
from werkzeug.wrappers import Response

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.errors import PageError
from dashboard.errors import no_run
from dashboard.services import services
from dashboard.store import UnknownRun
from dashboard.views.runs import find_run
from dashboard.views.runs import keeping
from dashboard.views.runs import picture_of

page = Blueprint("titles", __name__)

LONGEST = 120  # characters


@dataclass(frozen=True)
class TitleForm:
    run: int
    step: int | None
    text: str
    longest: int
    keep: str  # what the page it belongs to takes along in its links


@page.get("/runs/<int:run_id>/title")
def form(run_id: int) -> str:
    """What the dialog holds."""
    run = find_run(run_id)
    shown = TitleForm(run_id, number(request.args, "step"), run.title, LONGEST, keeping().query)
    return render_template("runs/_title.html" if hx.wants_fragment() else "title.html", page=shown)


@page.post("/runs/<int:run_id>/title")
def change(run_id: int) -> Response:
    title = " ".join(request.form.get("title", "").split())
    if len(title) > LONGEST:
        raise PageError(
            400, f"This title is longer than {LONGEST} characters.", "", "Pin the rest to a step as a note."
        )
    try:
        services().store.rename_run(run_id, title, actor=actor())
    except UnknownRun:
        raise no_run(run_id) from None
    step = number(request.form, "step")
    if not hx.wants_fragment():
        return hx.see_other(f"/runs/{run_id}" + (f"?step={step}" if step is not None else ""))
    picture = picture_of(run_id, step)
    return hx.fragment(render_template("runs/_room.html", page=picture), replace=picture.url)
