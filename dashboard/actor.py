"""Who acts: a random number per browser and, if they like, a name; both in a cookie of their own."""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote
from urllib.parse import unquote

from flask import after_this_request
from flask import request
from werkzeug.wrappers import Response

from dashboard.person import Person
from dashboard.security import cookie_name
from dashboard.security import set_cookie
from dashboard.security import viewer

LONGEST = 40  # characters of a name
YEAR = 365 * 24 * 3600


def me() -> Person | None:
    """Whoever asks, if their browser has shown a run before."""
    number, _, name = request.cookies.get(cookie_name("person"), "").partition(".")
    if not re.fullmatch(r"[0-9a-f]{32}", number):
        return None
    return Person(number, tidy(unquote(name)), viewer() is not None)


def introduced() -> Person:
    """The same, or somebody new, whose browser is told so."""
    return me() or called("")


def called(name: str) -> Person:
    """Whoever asks, under this name from now on."""
    known = me()
    person = Person(known.id if known else secrets.token_hex(16), tidy(name), viewer() is not None)

    @after_this_request
    def remember(response: Response) -> Response:
        set_cookie(response, cookie_name("person"), f"{person.id}.{quote(person.name, safe='')}", YEAR)
        return response

    return person


def actor() -> str:
    """Who is written down as having done this; empty for who gave no name."""
    person = me()
    return person.name if person else ""


def tidy(name: str) -> str:
    """A name as it can stand in a line.

    >>> tidy("  Ann\\n Lee\\x00 "), len(tidy("n" * 99))
    ('Ann Lee', 40)
    """
    return " ".join("".join(one if one.isprintable() else " " for one in name).split())[:LONGEST]
