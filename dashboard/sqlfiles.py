"""SQL files, looked at without a server: named queries, and mistakes of shape with their line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

_TOKEN = re.compile(
    r"""
    (?P<text> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$ .*? \$(?P=tag)\$ )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<open> ['"] | \$\w*\$ | /\* )
    | (?P<meta> ^[ \t]*\\[^\n]* )
    | (?P<end> ; )
    | (?P<code> \w+ (?!['\w]) | \S )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"^--[ \t]*name:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_READS = re.compile(r"(select|with|values|table)\b", re.IGNORECASE)

Mistake = tuple[int, str]
"""A line and what is wrong with it."""


@dataclass(frozen=True)
class Query:
    """A query and the words that name it."""

    name: str
    sql: str


def mistakes(text: str, first: int = 1) -> list[Mistake]:
    """What a server could not make sense of in a file of SQL; its first line has the number `first`."""
    found = []
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "open":
            message = f"What {token[0]} opens here is never closed."
        elif token.lastgroup == "meta":
            message = f"{token[0].split()[0]} is a command of psql; the server takes only SQL."
        else:
            continue
        found.append((first + text.count("\n", 0, token.start()), message))
        if token.lastgroup == "open":
            break  # what follows would be read inside out
    return found


def queries(text: str) -> tuple[tuple[Query, ...], list[Mistake]]:
    """The queries of a file in which each begins with a line `-- name: the rule in words`; and what is wrong in it."""
    found: dict[str, Query] = {}
    wrong: list[Mistake] = []
    names = list(_NAME.finditer(text))
    if stray := _code(text[: names[0].start() if names else None]):
        line = 1 + text.count("\n", 0, stray[0].start())
        wrong.append((line, "This query has no name. Begin it with a line: -- name: the rule in words"))
    for name, after in zip_longest(names, names[1:]):
        end = after.start() if after else len(text)
        line = 1 + text.count("\n", 0, name.start())
        sql = text[name.end() : end].strip()
        shape = mistakes(text[name.start() : end], line)
        code = _code(sql)
        if shape:
            wrong += shape
        elif not name[1]:
            wrong.append((line, "The name is missing: write the rule in words after `-- name:`."))
        elif name[1] in found:
            wrong.append((line, f"There is a query {name[1]!r} before this one already."))
        elif not code or not _READS.match(sql, code[0].start()):
            wrong.append((line, f"{name[1]!r} must be one SELECT that returns the rows which break the rule."))
        elif any(token.lastgroup == "end" for token in code[:-1]):
            wrong.append((line, f"{name[1]!r} is more than one statement. Give each a name of its own."))
        else:
            found[name[1]] = Query(name[1], sql[: code[-1].start()].rstrip() if code[-1].lastgroup == "end" else sql)
    return tuple(found.values()), wrong


def _code(sql: str) -> list[re.Match[str]]:
    """The tokens that are neither space nor comment."""
    return [token for token in _TOKEN.finditer(sql) if token.lastgroup != "comment"]
