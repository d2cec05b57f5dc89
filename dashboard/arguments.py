"""Reading a request: each value checked where it comes in, with an answer that says what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dashboard.errors import PageError

LARGEST = 2**62


def number(values: Mapping[str, str], name: str, *, smallest: int = 0) -> int | None:
    """A whole number from the query string or a form; None if it is left out or empty."""
    text = values.get(name, "").strip()
    if not text:
        return None
    if text.isascii() and text.removeprefix("-").isdigit() and smallest <= int(text) <= LARGEST:
        return int(text)
    raise PageError(400, f"{name}={text[:40]!r} cannot be used.", f"A whole number from {smallest} on is expected.")


def label(values: Mapping[str, str], name: str, letter: str) -> str:
    """What a run calls a task or a connection, `t3` or `c2`; empty if it is left out."""
    text = values.get(name, "")
    if not text or re.fullmatch(f"{letter}[0-9]{{1,7}}", text):
        return text
    raise PageError(400, f"{name}={text[:40]!r} cannot be used.", f"Something like {letter}1 is expected.")


def one_of(values: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """A word out of a list."""
    text = values.get(name, "")
    if text in allowed:
        return text
    raise PageError(400, f"{name}={text[:40]!r} is not known here.", f"It has to be one of: {', '.join(allowed)}.")


def optional(values: Mapping[str, str], name: str, limit: int = 200) -> str | None:
    """A text, stripped and bounded; None if it is left out or empty."""
    return values.get(name, "").strip()[:limit] or None
