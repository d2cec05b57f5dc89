"""The program itself: begun as Python begins a script, or imported and served as a web server does an application."""

from __future__ import annotations

import asyncio
import importlib
import os
import runpy
import sys
import traceback
from collections.abc import Callable
from typing import Optional

from interlock import probe
from interlock.clients import Clients
from interlock.exceptions import errors_of
from interlock.frame import Place


class NoApplication(Exception):
    """Requests are declared for this program, but it has no ASGI application called app."""


def make_room(program: str) -> None:
    """Have this process look to the program as it would if Python had been asked for it, in its own folder."""
    sys.argv = [program]
    sys.path.insert(0, os.path.dirname(program))
    os.chdir(os.path.dirname(program))


def run(program: str) -> None:
    """Run it to its end. Raises whatever it raises."""
    runpy.run_path(program, run_name="__main__")


def serve(program: str, clients: Clients) -> None:
    """Have it answer these. Raises `NoApplication`, and whatever the import of it raises."""
    module = importlib.import_module(os.path.splitext(os.path.basename(program))[0])
    app = getattr(module, "app", None)
    if not callable(app):
        raise NoApplication(NoApplication.__doc__)
    asyncio.run(clients.server(app))


def shown(error: BaseException) -> str:
    """An exception that left the script, as Python shows it at the end of a traceback; but first what it is, since a
    line is all that lists have room for, and of one of syntax Python begins with where.
    """
    *where, what = "".join(traceback.format_exception_only(type(error), error)).strip().split("\n")
    text = "\n".join([what, *where]) if isinstance(error, SyntaxError) else "\n".join([*where, what])
    if isinstance(error, ModuleNotFoundError):
        text += ". The stack does not have it. Your project’s own interpreter can be a stack, see the author’s guide."
    return text


def place_of(error: BaseException, sources: probe.Sources, clean: Callable[[str], str]) -> Optional[Place]:
    """The line of the program's own files that an exception comes from, the innermost; of one of syntax, that line."""
    if isinstance(error, SyntaxError) and error.filename:
        return sources.place(error.filename, error.lineno or 0, "")
    views = errors_of(error, sources, clean)
    places = [place for place in views[0].stack if place.ours] if views else []
    return places[-1] if places else None
