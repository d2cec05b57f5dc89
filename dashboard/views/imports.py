"""Import: the journal of a run that took place elsewhere, shown like one of ours. Nothing of it is executed."""

from __future__ import annotations

import io

from flask import Blueprint
from flask import render_template
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from dashboard import hx
from dashboard.actor import actor
from dashboard.catalogue import stacks
from dashboard.catalogue.verdict import verdict
from dashboard.errors import PageError
from dashboard.runs import recorded
from dashboard.runs.recorded import Recorded
from dashboard.services import services
from dashboard.work.execution import made_up_end
from interlock.journal import JournalError

page = Blueprint("imports", __name__)

LARGEST = 64 * 1024 * 1024  # bytes of a request that brings a journal
ENDS_HERE = "The journal ends here: the run went on, or nobody kept the rest."
WHAT_IS_ONE = "Take a file that “Journal” on a run's page or `interlock run --journal` has written."


@page.get("/runs/import")
def form() -> str:
    return render_template("import.html", largest=LARGEST // 1024 // 1024)


@page.post("/runs/import")
def receive() -> Response:
    """Keep a journal as a run that is over."""
    request.max_content_length = LARGEST
    try:
        file = request.files.get("journal")
    except RequestEntityTooLarge as error:
        what = f"This journal is larger than {LARGEST // 1024 // 1024} MB."
        raise PageError(413, what, "", "Replay it instead: interlock replay FILE") from error
    if file is None or not file.filename:
        raise PageError(400, "There is no file in this request.", "", WHAT_IS_ONE)
    try:
        journal = recorded.read(io.TextIOWrapper(file.stream, "utf-8"))
    except JournalError as error:
        raise PageError(400, "This file is not a journal that can be shown.", str(error), WHAT_IS_ONE) from error
    return hx.see_other(f"/runs/{_keep(journal, file.filename)}")


def _keep(journal: Recorded, name: str) -> int:
    """Write it down, under the program and the stack it comes from where these are here too."""
    here, header = services(), journal.header
    known = recorded.origin(header, here.catalogue().incidents)
    stack = recorded.stack_of(header, stacks.catalogue(here.settings).stacks)
    incident, program = (known[0].name, known[1].name) if known else ("elsewhere", header.program.removesuffix(".py"))
    last = journal.steps[-1] if journal.steps else None
    end = journal.end or made_up_end("interrupted", ENDS_HERE, last, dict(journal.schedule.deviations))
    return here.store.import_run(
        incident,
        program[:200],
        stack.name if stack else f"SQLAlchemy {header.versions.get('sqlalchemy', 'unknown')[:40]}",
        title=f"imported from {name[:200]}",
        header=header,
        steps=journal.steps,
        end=end,
        actor=actor(),
        expected=verdict(known[1], stack.name, end, natural=header.mode == "natural")
        if known and stack and journal.whole
        else None,
    )
