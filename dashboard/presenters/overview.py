"""The whole run as a strip above the lanes: its parts are links, its marks say where what matters lies."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.findings.why.turn import Turn
from dashboard.presenters import words
from dashboard.runs.overview import COLUMNS
from dashboard.runs.overview import Band
from dashboard.runs.overview import Overview

PARTS = 36  # as many links, each wide enough to be hit
NEAR = 1.6  # in hundredths of the strip: a sign nearer than this to a louder one is left out
SIGNS = {"failure": "✕", "orphan": "⚠", "turn": "⚑", "fault": "⚡", "note": ""}  # the loudest first
HOLDS = {"failure": "a task raised", "orphan": "an orphan began", "fault": "a fault", "note": "a note"}


@dataclass(frozen=True)
class Rows:
    """A row for each lane, as the path of one pen."""

    kind: str  # task | connection
    count: int
    path: str


@dataclass(frozen=True)
class Tick:
    """Something that matters, at its place in hundredths of the strip."""

    kind: str
    x: float
    sign: str


@dataclass(frozen=True)
class Part:
    """A stretch of the run, and the step that its link leads to: the first of those in it that matter most."""

    first: int
    last: int
    to: int
    holds: tuple[str, ...]  # what lies in it, in words
    current: bool

    @property
    def name(self) -> str:
        return f"step {self.first}" if self.first == self.last else f"steps {self.first}–{self.last}"


@dataclass(frozen=True)
class Strip:
    columns: int
    rows: tuple[Rows, ...]
    ticks: tuple[Tick, ...]
    parts: tuple[Part, ...]
    begin: float  # the stretch that the lanes show, in hundredths
    width: float
    now: float | None  # where the step that is looked at lies


def strip(
    overview: Overview,
    *,
    at: int | None,
    shown: tuple[int, int],
    noted: frozenset[int] = frozenset(),
    turn: Turn | None = None,
) -> Strip:
    """A run's overview, with the step that is looked at and the stretch that the lanes show."""
    count, (first, last) = len(overview.steps), shown
    found = {
        "failure": overview.failed,
        "orphan": overview.orphaned,
        "turn": (turn.step,) if turn is not None else (),
        "fault": overview.faults,
        "note": sorted(noted),
    }
    return Strip(
        columns=overview.columns,
        rows=(_rows("task", overview.tasks), _rows("connection", overview.connections)),
        ticks=tuple(_ticks(found, count)),
        parts=tuple(_parts(found, count, at, turn)),
        begin=round(first / count * 100, 2),
        width=round((last - first + 1) / count * 100, 2),
        now=_place(at, count) if at is not None else None,
    )


def _place(step: int, count: int) -> float:
    """The middle of a step, or of the column that it shares with others."""
    columns = min(count, COLUMNS)
    return round((step * columns // count + 0.5) / columns * 100, 2)


def _rows(kind: str, band: Band) -> Rows:
    return Rows(kind, band.rows, "".join(f"M{one.column} {one.row + 0.5:g}h{one.length}" for one in band.strokes))


def _ticks(found: Mapping[str, Sequence[int]], count: int) -> Iterator[Tick]:
    signed: list[float] = []
    for kind, steps in found.items():
        for x in sorted({_place(step, count) for step in steps}):
            sign = SIGNS[kind] if all(abs(x - other) > NEAR for other in signed) else ""
            if sign:
                signed.append(x)
            yield Tick(kind, x, sign)


def _parts(found: Mapping[str, Sequence[int]], count: int, at: int | None, turn: Turn | None) -> Iterator[Part]:
    parts = min(count, PARTS)
    for place in range(parts):
        first, last = place * count // parts, (place + 1) * count // parts - 1
        inside = {kind: [one for one in steps if first <= one <= last] for kind, steps in found.items()}
        matters = [(kind, steps) for kind, steps in inside.items() if steps]
        to = matters[0][1][0] if matters else first
        here = at is not None and first <= at <= last
        yield Part(first, last, to, tuple(_holds(kind, steps, turn) for kind, steps in matters), here)


def _holds(kind: str, steps: Sequence[int], turn: Turn | None) -> str:
    if turn is not None and kind == "turn":
        return f"{turn.name}: step {turn.step}"
    more = f" and {words.count(len(steps) - 1, 'more step')}" if len(steps) > 1 else ""
    return f"{HOLDS[kind]}: step {steps[0]}{more}"
