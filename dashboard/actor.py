"""The person who asks: known by a random number per browser and, if they like, a name; both are in one cookie."""

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


def current() -> Person | None:
    """Whoever asks; None if their browser has no cookie yet, because it has not shown a run before."""
    number, _, name = request.cookies.get(cookie_name("person"), "").partition(".")
    if not re.fullmatch(r"[0-9a-f]{32}", number):
        return None
    return Person(number, tidy(unquote(name)), viewer() is not None)


def ensure() -> Person:
    """Whoever asks; somebody new, whose browser gets a cookie, if it has none yet."""
    return current() or rename("")


def rename(name: str) -> Person:
    """Have whoever asks be called so from now on; empty takes the name away."""
    known = current()
    person = Person(known.id if known else secrets.token_hex(16), tidy(name), viewer() is not None)

    @after_this_request
    def remember(response: Response) -> Response:
        set_cookie(response, cookie_name("person"), f"{person.id}.{quote(person.name, safe='')}", YEAR)
        return response

    return person


def actor() -> str:
    """The name that the history notes for what this request does; empty for somebody who gave none."""
    person = current()
    return person.name if person else ""


def tidy(name: str) -> str:
    """A name on one line, without control characters, of at most `LONGEST` characters.

    >>> tidy("  Ann\\n Lee\\x00 "), len(tidy("n" * 99))
    ('Ann Lee', 40)
    """
    return " ".join("".join(one if one.isprintable() else " " for one in name).split())[:LONGEST]
