"""Stacks: which there are, whether they are installed, and their installation with its progress and log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.arguments import optional
from dashboard.errors import PageError
from dashboard.presenters import listing
from dashboard.presenters import words
from dashboard.presenters.listing import Facet
from dashboard.presenters.stacks import StackCard
from dashboard.services import services
from dashboard.work import jobs

page = Blueprint("stacks", __name__)


@dataclass(frozen=True)
class Then:
    """What somebody waits for a stack to run: shown beside it as soon as it is ready."""

    incident: str
    program: str
    schedule: str
    title: str

    @property
    def asked(self) -> str:
        return f"{self.incident}/{self.program}"


@dataclass(frozen=True)
class StacksPage:
    stacks: tuple[StackCard, ...]
    missing: tuple[str, ...]  # of those that are shown
    problems: tuple[str, ...]
    then: tuple[Then, str] | None  # and on which stack
    total: int
    search: str
    facets: tuple[Facet, ...]


@page.get("/stacks")
def stacks() -> str:
    here = services()
    wanted = request.args.get("on", "")
    then = _then(wanted)
    search = optional(request.args, "search") or ""
    state = optional(request.args, "state")
    every = here.stacks()
    found = [one for one in every if search.lower() in " ".join((one.name, one.title, *one.pins)).lower()]
    shown = tuple(one for one in found if state in (None, one.state))
    states = {name: mark.word for name, mark in words.STACK_STATES.items()}
    return render_template(
        "stacks.html",
        page=StacksPage(
            stacks=shown,
            missing=tuple(one.name for one in shown if not one.ready and not one.busy),
            problems=here.stack_problems(),
            then=(then, wanted) if then else None,
            total=len(every),
            search=search,
            facets=(listing.facet("state", "State", Counter(one.state for one in found), state, states),),
        ),
    )


@page.post("/stacks/<name>/install")
def install(name: str) -> BaseResponse:
    """Install a stack, or try again; asking twice installs once."""
    if not _stack(name).busy:
        _enqueue(name)
    if hx.wants_fragment():
        return hx.fragment(render_template("stacks/_stack.html", stack=_stack(name), then=_then(name)))
    return hx.see_other(f"/stacks#{name}")


@page.post("/stacks/install")
def install_several() -> BaseResponse:
    """Install stacks, one after the other."""
    for stack in [_stack(name) for name in request.form.getlist("stack")]:
        if not stack.ready and not stack.busy:
            _enqueue(stack.name)
    return hx.see_other("/stacks")


def install_for(stack: StackCard, incident: str, program: str) -> BaseResponse:
    """Somebody wants to run what its stack is missing for: install it, and have the run ready to start on that page."""
    if not stack.busy:
        _enqueue(stack.name)
    return hx.see_other(f"/stacks?then={incident}/{program}&on={stack.name}#{stack.name}")


def _enqueue(name: str) -> None:
    store = services().store
    jobs.enqueue_install(store, name)
    store.note(actor(), "install", f"stack:{name}")


@page.get("/stacks/<name>/live")
def live(name: str) -> Response:
    stack = _stack(name)
    if number(request.args, "rev") == stack.rev and stack.busy:
        return hx.nothing_new()
    return hx.fragment(render_template("stacks/_stack.html", stack=stack, then=_then(name)))


def _then(stack: str) -> Then | None:
    name, _, program_name = request.args.get("then", "").partition("/")
    incident = services().incident(name)
    program = incident.program(program_name) if incident else None
    if incident is None or program is None:
        return None
    expected = program.expectations.get(stack)
    return Then(name, program_name, expected.schedule if expected else "il1:", incident.title)


def _stack(name: str) -> StackCard:
    found = {stack.name: stack for stack in services().stacks()}
    if name not in found:
        known = ", ".join(found)
        raise PageError(404, f"There is no stack {name[:80]!r}.", f"Known here: {known}.", "Choose one of them.")
    return found[name]
