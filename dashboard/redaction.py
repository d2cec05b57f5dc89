"""What is shown without secrets: passwords are struck out, and for a screen that many see hosts as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import fields
from dataclasses import is_dataclass
from dataclasses import replace
from operator import is_
from typing import TypeVar

T = TypeVar("T")

_CALL = r"(?![A-Za-z_]\w*(?:\.\w+)+\()"  # `token = session_context.set(…)` in a source is no secret
_SECRETS = (
    (re.compile(r"(://[^/\s:@]+:)[^@\s/]+(@)"), r"\1***\2"),
    (
        re.compile(
            rf"(?i)\b((?:password|passwd|pgpassword|token|secret)\s*[=:]\s*)('[^']*'|\"[^\"]*\"|{_CALL}[^\s&,;]+)"
        ),
        r"\1***",
    ),
)


_HOSTS = (
    (re.compile(r"(?i)\b(postgres(?:ql)?(?:\+\w+)?://)[^/\s'\"?]+"), r"\1***"),
    (re.compile(r"(?<![\w.-])[\w.-]+(:\d{2,5}/\w+)"), r"***\1"),
    (re.compile(r"(?i)\b((?:host name|server at|for user) )\"[^\"]*\""), r'\1"***"'),
)


def redact(text: str) -> str:
    """The text with passwords of URLs and connection strings struck out."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def for_a_screen(text: str) -> str:
    """The same, and who connects to which server: a room that looks on needs neither."""
    for pattern, replacement in _HOSTS:
        text = pattern.sub(replacement, text)
    return redact(text)


def without_secrets(value: T, hide: Callable[[str], str] = redact) -> T:
    """The same value with every text in it redacted: strings, and what holds them.

    What stands in it several times is looked at once, and what holds no secret stays what it is: the frames of a run
    have most of what is in them in common.
    """
    return _hidden(value, hide, {})  # type: ignore[return-value]


def _hidden(value: object, hide: Callable[[str], str], known: dict[object, object]) -> object:
    """`known` has texts, and by their ids what holds them: all of it is in the value, and lives as long."""
    if isinstance(value, str):
        if value not in known:
            known[value] = hide(value)
        return value if known[value] == value else known[value]
    if not isinstance(value, tuple | list | Mapping) and not is_dataclass(value):
        return value
    if id(value) not in known:
        known[id(value)] = _without(value, lambda one: _hidden(one, hide, known))
    return known[id(value)]


def _without(value: object, hidden: Callable[[object], object]) -> object:
    if isinstance(value, Mapping):
        told = {key: hidden(one) for key, one in value.items()}
        return value if all(map(is_, told.values(), value.values())) else told
    if isinstance(value, tuple | list):
        made = [hidden(one) for one in value]
        return value if all(map(is_, made, value)) else type(value)(made)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    had = {field.name: getattr(value, field.name) for field in fields(value)}
    changed = {name: new for name, old in had.items() if (new := hidden(old)) is not old}
    return replace(value, **changed) if changed else value
