"""A timeline as it is drawn: lanes under each other, steps beside each other, everything at its place in pixels.

The drawing is for the eyes. Its steps are ordinary links above it, and `lines` say the same in words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from dataclasses import replace

from dashboard.findings.timeline import Beat
from dashboard.findings.timeline import Lane
from dashboard.findings.timeline import Mark
from dashboard.findings.timeline import Span
from dashboard.findings.timeline import Timeline
from dashboard.findings.why.turn import Turn
from dashboard.presenters import words
from dashboard.presenters.few import CONNECTIONS
from dashboard.presenters.few import TASKS
from dashboard.presenters.few import few
from dashboard.presenters.few import hidden
from dashboard.presenters.words import Names

HEAD = 20  # the line of step numbers
ROW = 16
WIDTHS = (24, 28, 36, 48, 64)  # of a step; there is a class for each in timeline.css
ROOM = 850  # what a window of usual width has for the steps
LETTER = 5.6  # width of a letter in a bar
SIGNS = {"value": "✓", "error": "✕", "cancelled": "⊘", "orphan": "⚠", "closed": "×"}
UNDER = ("open", "failed", "statement", "lock", "wait", "orphan")  # what is drawn first lies under what follows
TURN = "⚑"  # of the step with the first illegal sharing
KINDS = {
    "timer": "◷",
    "replica": "⇉",
    "request": "⇒",
    "cancel": "⚡",
    "terminate": "⚡",
    "drop": "⚡",
    "disconnect": "⚡",
    "die": "⚡",
}
LOUD = {"error": 1000, "orphan": 1000, "cancelled": 100, "lock": 100, "failed": 10}


@dataclass(frozen=True)
class Bar:
    """A span: a box, with a word in it if there is room."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    word: str


@dataclass(frozen=True)
class Dot:
    """A mark: a sign, or a plain dot if it has none."""

    kind: str
    x: float
    y: float
    sign: str
    now: bool


@dataclass(frozen=True)
class Link:
    """From one lane to another in a step: a reply to the task it woke, or a wait for a lock to who holds it."""

    kind: str  # reply | lock
    x: float
    start: float
    end: float

    @property
    def head(self) -> str:
        """The points of its arrow head."""
        back = 5 if self.end < self.start else -5
        return f"{self.x:g},{self.end:g} {self.x - 3.5:g},{self.end + back:g} {self.x + 3.5:g},{self.end + back:g}"


@dataclass(frozen=True)
class Name:
    """What stands before a lane."""

    id: str
    name: str
    kind: str
    word: str  # what became of it
    tone: str
    first: bool  # of the connections
    kept: bool  # in sight


@dataclass(frozen=True)
class StepMark:
    number: int
    sign: str
    text: str
    current: bool
    failed: bool
    noted: bool  # somebody has pinned a note to it
    turn: bool  # the first illegal sharing, or where it became inevitable


@dataclass(frozen=True)
class Line:
    """A step in words: its caption, and what the drawing shows of it beside."""

    number: int
    text: str
    facts: tuple[str, ...]
    current: bool


@dataclass(frozen=True)
class Chart:
    """The drawing and its equivalent in words."""

    column: int
    width: int
    height: int
    names: tuple[Name, ...]
    steps: tuple[StepMark, ...]
    rows: tuple[float, ...]  # where the lanes lie
    kept: tuple[float, ...]  # those that are kept in sight
    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    links: tuple[Link, ...]
    now: float | None  # where the step that is shown lies
    lines: tuple[Line, ...]
    hidden: str  # how many lanes are not shown, in words
    earlier: int | None  # a step to go to for what lies before the window
    later: int | None

    @property
    def whole(self) -> bool:
        """All steps are there, and have room beside each other."""
        return self.earlier is None and self.later is None and self.width <= ROOM


def chart(
    timeline: Timeline,
    names: Names,
    *,
    at: int,
    last: int,
    every: bool = False,
    noted: frozenset[int] = frozenset(),
    turn: Turn | None = None,
    kept: frozenset[str] = frozenset(),
) -> Chart | None:
    """A timeline around a step; of many lanes those in which something happens, unless every one is wanted."""
    if not timeline.beats:
        return None
    lanes, left = _chosen(timeline, at, every, kept)
    count = len(timeline.beats)
    column = max((width for width in WIDTHS if width * count <= ROOM), default=WIDTHS[0])
    column = max(column, 36 if timeline.last > 999 else 24)  # a number with its sign has room in it
    grid = _Grid(timeline.first, column, {lane.id: HEAD + (place + 0.5) * ROW for place, lane in enumerate(lanes)})
    width, height = column * count, HEAD + ROW * len(lanes) + 2
    here = timeline.first <= at <= timeline.last
    bars = [bar for lane in lanes for span in lane.spans if (bar := grid.bar(lane, span, timeline.last))]
    return Chart(
        column=column,
        width=width,
        height=height,
        names=_names(lanes, names, kept),
        kept=tuple(grid.rows[lane.id] for lane in lanes if lane.id in kept),
        steps=tuple(_step(beat, names, at, noted, turn) for beat in timeline.beats),
        rows=tuple(grid.rows.values()),
        bars=tuple(sorted(bars, key=lambda bar: UNDER.index(bar.kind))),
        dots=tuple(grid.dot(lane, mark, at) for lane in lanes for mark in lane.marks),
        links=_links(timeline, lanes, grid),
        now=(at - timeline.first) * column if here else None,
        lines=_lines(timeline, names, at),
        hidden=left,
        earlier=timeline.first - 1 if timeline.first > 0 else None,
        later=timeline.last + 1 if timeline.last < last else None,
    )


def _chosen(timeline: Timeline, at: int, every: bool, kept: frozenset[str]) -> tuple[list[Lane], str]:
    """The lanes to show in their order, and in words how many are left out."""
    here = {label for arrow in timeline.arrows if arrow.step == at for label in (arrow.connection, arrow.task)}
    of = {kind: [lane for lane in timeline.lanes.values() if lane.kind == kind] for kind in ("task", "connection")}
    tasks = few(of["task"], TASKS, lambda lane: (lane.id in kept, lane.id in here, _weight(lane)), every)
    known = {lane.id for lane in tasks}
    theirs = Counter(arrow.connection for arrow in timeline.arrows if arrow.task in known)
    connections = few(
        of["connection"],
        CONNECTIONS,
        lambda lane: (lane.id in kept, lane.id in here, theirs[lane.id], _weight(lane)),
        every,
    )
    left = hidden(task=len(of["task"]) - len(tasks), connection=len(of["connection"]) - len(connections))
    return [*tasks, *connections], left


def _weight(lane: Lane) -> int:
    kinds = [mark.kind for mark in lane.marks] + [span.kind for span in lane.spans]
    return sum(LOUD.get(kind, 1) for kind in kinds)


@dataclass(frozen=True)
class _Grid:
    """Where steps and lanes lie."""

    first: int
    column: int
    rows: dict[str, float]

    def x(self, step: int) -> float:
        return (step - self.first + 0.5) * self.column

    def bar(self, lane: Lane, span: Span, last: int) -> Bar | None:
        """A span from step to step; one that lasts goes on to the end of its last step's column."""
        begin = 0.0 if span.first == lane.first == self.first > 0 else self.x(span.first)
        end = self.x(span.last) if span.last is not None else self.x(last) + self.column / 2
        if end <= begin:
            return None
        high = {"wait": 2, "statement": 9, "lock": 9}.get(span.kind, 15)
        word = span.text.removeprefix("prepare ") if span.kind == "statement" else ""
        if len(word) * LETTER > end - begin - 4:
            word = ""
        y = self.rows[lane.id]
        if span.kind in ("statement", "lock"):  # side by side, with a gap between, and the transaction to be seen above
            begin, end, y = begin + 0.5, end - 0.5, y + 2
        return Bar(span.kind, begin, y - high / 2, end - begin, high, word)

    def dot(self, lane: Lane, mark: Mark, at: int) -> Dot:
        return Dot(mark.kind, self.x(mark.step), self.rows[lane.id], SIGNS.get(mark.kind, ""), mark.step == at)


def _links(timeline: Timeline, lanes: list[Lane], grid: _Grid) -> tuple[Link, ...]:
    rows = grid.rows
    replies = [
        Link("reply", grid.x(one.step), rows[one.connection] - 5, rows[one.task] + 5)
        for one in timeline.arrows
        if one.connection in rows and one.task in rows
    ]
    locks = [
        Link("lock", grid.x(span.first) + 5, rows[lane.id], rows[holder])
        for lane in lanes
        for span in lane.spans
        for holder in span.holders
        if holder in rows
    ]
    return (*replies, *locks)


def _names(lanes: list[Lane], names: Names, kept: frozenset[str]) -> tuple[Name, ...]:
    shown = []
    for lane in lanes:
        if lane.kind == "task":
            ended = next((mark.kind for mark in lane.marks if mark.kind in words.TASK_STATES), None)
            mark = words.TASK_STATES[ended] if ended else words.unknown("")
            shown.append(Name(lane.id, lane.name, lane.kind, mark.word, mark.tone, False, lane.id in kept))
        else:
            orphan = any(span.kind == "orphan" for span in lane.open)
            word = "orphan" if orphan else "closed" if lane.last is not None else "replica" if lane.replica else ""
            tone, called = "loud" if orphan else "quiet", names.connection(lane.id)
            shown.append(Name(lane.id, called, lane.kind, word, tone, False, lane.id in kept))
    first = next((place for place, name in enumerate(shown) if name.kind == "connection"), None)
    if first is not None:
        shown[first] = replace(shown[first], first=True)
    return tuple(shown)


def _step(beat: Beat, names: Names, at: int, noted: frozenset[int], turn: Turn | None) -> StepMark:
    turned = turn is not None and turn.step == beat.number
    sign = SIGNS["error"] if beat.failed else TURN if turned else KINDS.get(beat.kind, "")
    text = names.text(f"{beat.text}; {turn.name}: {turn.text}" if turn is not None and turned else beat.text)
    return StepMark(beat.number, sign, text, beat.number == at, beat.failed, beat.number in noted, turned)


def _lines(timeline: Timeline, names: Names, at: int) -> tuple[Line, ...]:
    """The same as the drawing, step by step."""
    facts: dict[int, list[str]] = {}
    for lane in timeline.lanes.values():
        called = f"“{lane.name}”" if lane.kind == "task" else f"connection {names.connection(lane.id)}"
        for mark in lane.marks:
            if mark.kind in words.TASK_STATES:
                facts.setdefault(mark.step, []).append(
                    f"{called} {words.TASK_STATES[mark.kind].word} {mark.text}".strip()
                )
            elif mark.kind == "orphan":
                facts.setdefault(mark.step, []).append(f"{called} became an orphan: {names.text(mark.text)}")
            elif mark.kind == "closed":
                facts.setdefault(mark.step, []).append(f"{called} was closed")
        for span in lane.spans:
            said = _began(span, names)
            if said:
                facts.setdefault(span.first, []).append(f"{called} {said}")
            failed = any(one.kind == "failed" and one.first == span.last for one in lane.spans)
            if span.kind == "open" and span.last is not None and not failed:  # a failed one is open all the same
                facts.setdefault(span.last, []).append(f"{called} ended its transaction")
    return tuple(
        Line(beat.number, names.text(beat.text), tuple(facts.get(beat.number, ())), beat.number == at)
        for beat in timeline.beats
    )


def _began(span: Span, names: Names) -> str:
    """What to say of a span where it begins. Waits of tasks are in the matrix, step by step."""
    if span.kind == "lock":
        by = ", ".join(names.connection(one) for one in span.holders)
        return f"waits for a lock that {by} holds" if by else "waits for a lock"
    return {
        "statement": f"works on {span.text}",
        "open": "is in a transaction",
        "failed": "is in a failed transaction",
    }.get(span.kind, "")
