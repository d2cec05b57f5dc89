"""What can be taken away from a run as text: a summary in Markdown, its statements. (The journal: see `runs`.)"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint
from flask import Response
from flask import request

from dashboard.findings.explain import advised
from dashboard.findings.explain import explain
from dashboard.presenters import statements
from dashboard.presenters import summary
from dashboard.redaction import redact
from dashboard.services import services
from dashboard.views.runs import find_run
from interlock.frame import Step

page = Blueprint("exports", __name__)

AT_ONCE = 100  # steps read together


@page.get("/runs/<int:run_id>/summary.md")
def markdown(run_id: int) -> Response:
    """The run for a post-mortem. It leaves the house, so secrets are struck out."""
    run = find_run(run_id)
    incident = services().incident(run.incident)
    proof = services().proofs.of(services().store, run, wait=True) or ()
    told = explain(run.end, run.header, proof) if run.end and run.header else None
    text = summary.markdown(
        run,
        summary.moments(_steps(run_id, run.steps)),
        incident_title=incident.title if incident else run.incident,
        explanation=advised(told, proof, services().proofs.turn(services().store, run)),
        proof=proof,
        notes=services().store.notes(run_id),
        url=f"{request.host_url}runs/{run_id}",
    )
    name = f'inline; filename="interlock-run-{run_id}.md"'
    return Response(redact(text), mimetype="text/markdown", headers={"Content-Disposition": name})


@page.get("/runs/<int:run_id>/statements.sql")
def sql(run_id: int) -> Response:
    """What the run asked of the server, to be tried by hand: without any address of a server, and without secrets."""
    run = find_run(run_id)
    text = redact(statements.sql(run, _steps(run_id, run.steps)))
    name = f'inline; filename="interlock-run-{run_id}.sql"'
    return Response(text, mimetype="text/plain", headers={"Content-Disposition": name})


def _steps(run_id: int, last: int) -> Iterator[Step]:
    for first in range(0, last + 1, AT_ONCE):
        yield from services().store.steps(run_id, first, min(first + AT_ONCE - 1, last))
