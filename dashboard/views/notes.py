"""Notes at steps: made, changed, deleted and had back by drivers; everybody reads them on the run page."""

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
from dashboard.errors import no_note
from dashboard.errors import no_run
from dashboard.errors import no_step
from dashboard.services import services
from dashboard.store import UnknownRun
from dashboard.views.runs import find_run
from dashboard.views.runs import keeping
from dashboard.views.runs import picture_of

page = Blueprint("notes", __name__)

LONGEST = 1000  # characters
MOST = 500  # notes of a run


@dataclass(frozen=True)
class NoteForm:
    run: int
    step: int
    id: int | None  # None: a new one
    text: str
    keep: str  # what the page it belongs to takes along in its links


@page.get("/runs/<int:run_id>/notes/form")
def form(run_id: int) -> str:
    """What the dialog holds: of a new note at a step, or of one that is there."""
    run = find_run(run_id)
    keep = keeping().query
    note_id = number(request.args, "id")
    if note_id is None:
        step = number(request.args, "step") or 0
        if step > run.steps:
            raise no_step(run_id, step, run.steps)
        shown = NoteForm(run_id, step, None, "", keep)
    else:
        note = next((one for one in services().store.notes(run_id) if one.id == note_id), None)
        if note is None:
            raise no_note(note_id)
        shown = NoteForm(run_id, note.step, note.id, note.text, keep)
    return render_template("runs/_note.html" if hx.wants_fragment() else "note.html", page=shown)


@page.post("/runs/<int:run_id>/notes")
def add(run_id: int) -> Response:
    store, run = services().store, find_run(run_id)
    step = number(request.form, "step") or 0
    if step > run.steps:
        raise no_step(run_id, step, run.steps)
    if len(store.notes(run_id)) >= MOST:
        raise PageError(409, f"Run {run_id} has {MOST} notes, which is as many as it can have.", "", "Delete some.")
    try:
        store.add_note(run_id, step, _text(), actor=actor())
    except UnknownRun:
        raise no_run(run_id) from None
    return _answer(run_id, step)


@page.post("/runs/<int:run_id>/notes/<int:note_id>")
def change(run_id: int, note_id: int) -> Response:
    if not services().store.change_note(run_id, note_id, _text()):
        raise no_note(note_id)
    return _answer(run_id, number(request.form, "step"))


@page.post("/runs/<int:run_id>/notes/<int:note_id>/delete")
def delete(run_id: int, note_id: int) -> Response:
    if not services().store.delete_note(run_id, note_id):
        raise no_note(note_id)
    return _answer(run_id, number(request.form, "step"), deleted=note_id)


@page.post("/runs/<int:run_id>/notes/<int:note_id>/restore")
def restore(run_id: int, note_id: int) -> Response:
    """Undo a deletion."""
    if not services().store.restore_note(run_id, note_id):
        raise no_note(note_id)
    return _answer(run_id, number(request.form, "step"), deleted=0)


def _text() -> str:
    text = " ".join(request.form.get("text", "").split())
    if len(text) > LONGEST:
        raise PageError(400, f"This note is longer than {LONGEST} characters.", "", "Say the rest in another one.")
    return text


def _answer(run_id: int, step: int | None, deleted: int | None = None) -> Response:
    """The page at the step it was at. `deleted` is a note that can be had back; 0: it was."""
    if not hx.wants_fragment():
        return hx.see_other(f"/runs/{run_id}" + (f"?step={step}" if step is not None else ""))
    picture = picture_of(run_id, step)
    return hx.fragment(
        render_template("runs/_noted.html", page=picture, deleted=deleted, run=run_id), replace=picture.url
    )
