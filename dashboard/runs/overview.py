"""A whole run in little: who ran in each of its steps and on whose reply, where a task raised, where an orphan began.

Made of what the store keeps of each step in a line, so that it costs little for a run of any length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from dashboard.store.records import Caption
from dashboard.store.runs import failed
from interlock.frame import Step

COLUMNS = 300  # as fine as a run is looked at: steps of a longer one share a column
TASKS, CONNECTIONS = 8, 6  # rows at most: more lanes share them


@dataclass(frozen=True)
class Glance:
    """A step, as far as one can see it from so far away."""

    woke: tuple[str, ...]  # tasks that ran in it
    connection: str | None  # whose reply was delivered
    failed: bool  # a task raised
    fault: bool  # the outside world did what does not come by itself


@dataclass(frozen=True)
class Stroke:
    """Neighbouring columns in which the lanes of a row had their turn."""

    row: int
    column: int
    length: int


@dataclass(frozen=True)
class Band:
    rows: int
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True)
class Overview:
    steps: tuple[Glance, ...] = ()
    orphaned: tuple[int, ...] = ()  # steps in which a connection became an orphan

    @property
    def columns(self) -> int:
        return min(len(self.steps), COLUMNS)

    @cached_property
    def failed(self) -> tuple[int, ...]:
        """Steps in which a task raised."""
        return tuple(number for number, one in enumerate(self.steps) if one.failed)

    @cached_property
    def faults(self) -> tuple[int, ...]:
        return tuple(number for number, one in enumerate(self.steps) if one.fault)

    @cached_property
    def tasks(self) -> Band:
        """Who ran when."""
        return _band([one.woke for one in self.steps], TASKS, self.columns)

    @cached_property
    def connections(self) -> Band:
        """Whose reply came when."""
        replies = [(one.connection,) if one.connection else () for one in self.steps]
        return _band(replies, CONNECTIONS, self.columns)


def grown(overview: Overview, captions: Iterable[Caption], orphaned: Iterable[int]) -> Overview:
    """With the steps that come next."""
    new = tuple(_glance(one.woke, one.token, one.failed) for one in captions)
    return Overview(overview.steps + new, overview.orphaned + tuple(orphaned))


def of(steps: Iterable[Step]) -> Overview:
    """The same of a run whose steps are at hand."""
    told = [(step, any(event.kind == "orphan" for event in step.events)) for step in steps]
    return Overview(
        tuple(_glance(one.woke, one.choice.token if one.choice else None, failed(one)) for one, _ in told),
        tuple(one.number for one, orphaned in told if orphaned),
    )


def _glance(woke: tuple[str, ...], token: str | None, failed: bool) -> Glance:
    connection = token if token and re.fullmatch("c[0-9]+", token) else None
    return Glance(woke, connection, failed, token is not None and (token == "e" or ":" in token))


def _band(who: Sequence[tuple[str, ...]], most: int, columns: int) -> Band:
    labels = sorted({one for together in who for one in together}, key=lambda label: (len(label), label))
    rows = min(len(labels), most)
    row_of = {label: place * rows // len(labels) for place, label in enumerate(labels)}
    cells = {(row_of[one], step * columns // len(who)) for step, together in enumerate(who) for one in together}
    strokes = []
    for row, column in sorted(cells):
        if (row, column - 1) not in cells:
            length = next(length for length in range(1, columns + 1) if (row, column + length) not in cells)
            strokes.append(Stroke(row, column, length))
    return Band(rows, tuple(strokes))
