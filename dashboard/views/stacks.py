"""Stacks: which there are, whether they are installed, and their installation with its progress and log."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard import jobs
from dashboard.errors import PageError
from dashboard.presenters.stacks import StackCard
from dashboard.services import services
from dashboard.views.arguments import number

page = Blueprint("stacks", __name__)


@dataclass(frozen=True)
class StacksPage:
    stacks: tuple[StackCard, ...]


@page.get("/stacks")
def stacks() -> str:
    return render_template("stacks.html", page=StacksPage(services().stacks()))


@page.post("/stacks/<name>/install")
def install(name: str) -> BaseResponse:
    """Install a stack, or try again; asking twice installs once."""
    if not _stack(name).busy:
        jobs.enqueue_install(services().store, name)
    if hx.wants_fragment():
        return hx.fragment(render_template("stacks/_stack.html", stack=_stack(name)))
    return hx.see_other(f"/stacks#{name}")


@page.get("/stacks/<name>/live")
def live(name: str) -> Response:
    stack = _stack(name)
    if number(request.args, "rev") == stack.rev and stack.busy:
        return hx.nothing_new()
    return hx.fragment(render_template("stacks/_stack.html", stack=stack))


def _stack(name: str) -> StackCard:
    found = {stack.name: stack for stack in services().stacks()}
    if name not in found:
        known = ", ".join(found)
        raise PageError(404, f"There is no stack {name[:80]!r}.", f"Known here: {known}.", "Choose one of them.")
    return found[name]
