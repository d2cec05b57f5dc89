"""Branching: from a recorded step of any run, a new one that does the same up to there and then something else."""

from __future__ import annotations

from flask import Blueprint
from flask import request
from werkzeug.wrappers import Response

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.arguments import one_of
from dashboard.errors import PageError
from dashboard.errors import no_step
from dashboard.errors import not_installed
from dashboard.runs import branches
from dashboard.services import services
from dashboard.views.runs import find_run
from dashboard.views.runs import keeping
from dashboard.views.runs import wait_for
from dashboard.work import jobs

page = Blueprint("branches", __name__)


@page.post("/runs/<int:run_id>/branch")
def branch(run_id: int) -> Response:
    """Start a run that follows this one's schedule up to a step, makes another choice there, and waits for a person."""
    here, parent = services(), find_run(run_id)
    at = number(request.form, "step") or 0
    step = here.store.step(run_id, at)
    if step is None:
        raise no_step(run_id, at, parent.steps)
    token = one_of(request.form, "token", tuple(choice.token for choice in step.frame.choices))
    stack = next((one for one in here.stacks() if one.name == parent.stack), None)
    if stack is None or not branches.branchable(parent, here.incident(parent.incident)):
        raise PageError(
            409,
            f"Run {run_id} cannot be branched.",
            "Nothing held the replies of a natural run, so nobody can do as it did."
            if parent.mode == "natural"
            else "Its program or its stack is not known to this dashboard.",
            "Its steps can be looked at all the same.",
        )
    if not stack.ready:
        raise not_installed(stack.name, busy=stack.busy)
    steps = () if parent.end else here.store.steps(run_id, 1, at)
    child = here.store.create_run(
        parent.incident,
        parent.program,
        parent.stack,
        "step",
        str(branches.leaving(branches.followed(parent.end, steps), at, token)),
        title=branches.title(step, token),
        parent=run_id,
        branch=at,
        actor=actor(),
    )
    jobs.enqueue_run(here.store, child)
    wait_for(child, lambda run: run.steps > at or run.over)
    return hx.see_other(f"/runs/{child}" + keeping().query.replace("&", "?", 1))
