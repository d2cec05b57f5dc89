"""The proof as lines to read: each with its step, its line of the program, and the words that nobody is born with."""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.findings.explain import Explanation
from dashboard.findings.why import Clause
from dashboard.presenters.words import Names
from interlock.frame import Frame
from interlock.frame import Place


@dataclass(frozen=True)
class Term:
    """A word of the proof, and what it means."""

    id: str
    means: str


@dataclass(frozen=True)
class Piece:
    """Some of a sentence; where a word is met for the first time, with what it means."""

    text: str
    term: Term | None = None


@dataclass(frozen=True)
class Cited:
    """A line of the program that a sentence speaks of."""

    place: Place
    text: str  # "broken.py:21"; of a further line of that file its number
    shown: bool  # it is in the source panel


@dataclass(frozen=True)
class Reason:
    step: int
    pieces: tuple[Piece, ...]
    lines: tuple[Cited, ...]
    message: str = ""  # what the words of the error that it tells refer to


_WORDS = {
    "provisioning a new connection": (
        "SQLAlchemy’s words for: this session’s transaction is just being given its connection, out of the pool, or, "
        "for a savepoint, the one that the session has already. Until then no other task may ask it for anything."
    ),
    "the pool": (
        "The connections that an engine keeps open. It lends each to one user at a time, and has it back when the "
        "transaction is over."
    ),
    "savepoint": "A point inside a transaction that one can roll back to, without giving up what came before it.",
    "replica": "A second server that copies what is committed on the first one, the primary, a moment later.",
    "greenlet_spawn": (
        "How SQLAlchemy’s asyncio side lets its ordinary code wait for the database. Outside of an awaited call there "
        "is nothing that could wait."
    ),
}
SHORT = 200  # letters of an error, of which a clause may tell no more
_TERM = re.compile("|".join((r"\bs[1-9]\d*\b", r"\bc[1-9]\d*\b", *map(re.escape, _WORDS))))


def reasons(
    proof: Sequence[Clause],
    frame: Frame,
    names: Names,
    files: Collection[str],
    explanation: Explanation | None = None,
) -> tuple[Reason, ...]:
    """The clauses in their order; of each word that wants explaining, the first one is explained."""
    met: set[str] = set()
    classes = {one.id: one.cls for one in frame.sessions}

    def pieces(text: str) -> Iterator[Piece]:
        at = 0
        for found in _TERM.finditer(text):
            word = found[0]
            if word in met:
                continue
            met.add(word)
            if found.start() > at:
                yield Piece(text[at : found.start()])
            yield Piece(word, Term(f"term-{re.sub('[^a-z0-9]+', '-', word)}", _means(word, classes, names)))
            at = found.end()
        yield Piece(text[at:])

    def message(one: Clause) -> str:
        told = explanation is not None and explanation.error[:SHORT] in one.text
        return explanation.message if explanation and told and one.claim in ("met", "failed") else ""

    return tuple(
        Reason(
            one.step,
            tuple(pieces(one.text)),
            tuple(_cited(one, files)),
            message(one),
        )
        for one in proof
    )


def _cited(clause: Clause, files: Collection[str]) -> Iterator[Cited]:
    before = ""
    for place in clause.places:
        text = str(place.line) if place.file == before else f"{place.file}:{place.line}"
        yield Cited(place, text, place.file in files)
        before = place.file


def _means(word: str, classes: dict[str, str], names: Names) -> str:
    if word in _WORDS:
        return _WORDS[word]
    if word.startswith("s"):
        kind = f" (of class {classes[word]})" if word in classes else ""
        return (
            f"A SQLAlchemy session{kind}, numbered in the order in which this run came to use them. A session keeps "
            "the objects and the one transaction of a piece of work. It is meant for one task at a time."
        )
    pid = names.connection(word)
    served = f" The server process that serves it is {pid}: its name in pg_stat_activity." if pid != word else ""
    return f"A connection to PostgreSQL, numbered in the order in which this run opened them.{served}"
