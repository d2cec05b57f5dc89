"""Two runs side by side: one row of their alignment, with what both show there and what of it differs, in words."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboard.presenters import words
from dashboard.presenters.polling import FAST
from dashboard.presenters.polling import Poll
from dashboard.presenters.room import Room
from dashboard.presenters.words import Mark
from dashboard.runs.alignment import Alignment
from dashboard.runs.alignment import Pair
from dashboard.store.records import Caption
from dashboard.store.records import RunRecord
from dashboard.store.records import RunRow
from interlock.frame import ConnectionView
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import SessionView
from interlock.frame import TaskView

VIEWS = ("", "server")
"""What lies under the matrices: the source, or what the server says."""

AROUND = 30
"""So many rows before and after the one that is shown are listed."""

HOW = {
    "same": "Every step of one is a step of the other.",
    "sequence": "After the first difference, steps are paired along the longest sequence that both runs share.",
    "number": "After the first difference, steps are paired by their numbers: these runs are too long for more.",
}


@dataclass(frozen=True)
class Side:
    """One of the two, as its own page would show it."""

    key: str  # a | b: what its ids begin with
    room: Room
    here: bool  # it has a step in this row; else it stands where it was
    parted: str  # from where on it could not follow the schedule
    parted_at: int | None
    differs: frozenset[str]  # tasks and connections that are not as on the other side


@dataclass(frozen=True)
class Difference:
    """Something of the two pictures that is not the same."""

    what: str
    a: str
    b: str


@dataclass(frozen=True)
class Line:
    """A row of the alignment."""

    row: int
    a: int | None
    b: int | None
    a_text: str
    b_text: str
    mark: Mark
    same: bool
    current: bool
    failed: str  # how one of them failed there


@dataclass(frozen=True)
class Comparison:
    a: Side
    b: Side
    row: int
    last: int
    differs: int | None
    failure: int | None  # the next row in which one of them failed
    turn_of_failure: str  # whose failure that is
    said: str  # in a sentence: from where on they differ
    how: str
    caption: str
    differences: tuple[Difference, ...]
    lines: tuple[Line, ...]
    poll: Poll | None
    view: str = ""
    present: bool = False  # larger and calmer, for a shared screen

    @property
    def started(self) -> bool:
        return self.last >= 0

    @property
    def address(self) -> str:
        """Of this comparison, without its row."""
        return self.shown_as(self.view, self.present)

    def shown_as(self, view: str, present: bool) -> str:
        """The address of the same two runs, otherwise."""
        return address(self.a.room.head.id, self.b.room.head.id, view=view, present=int(present) or "")

    @property
    def other_way(self) -> str:
        """The same row in the presenter view, or out of it."""
        return f"/compare{self.shown_as(self.view, not self.present)}" + self._row

    @property
    def url(self) -> str:
        return f"/compare{self.address}{self._row}"

    @property
    def _row(self) -> str:
        return f"&step={self.row}" if self.started else ""

    @property
    def title(self) -> str:
        return f"runs {self.a.room.head.id} and {self.b.room.head.id} side by side"

    @property
    def position(self) -> str:
        return f"row {self.row} of {self.last}"

    @property
    def back(self) -> int | None:
        return self.row - 1 if self.row > 0 else None

    @property
    def next(self) -> int | None:
        return self.row + 1 if self.row < self.last else None


@dataclass(frozen=True)
class Asked:
    """What is needed of one side."""

    run: RunRecord
    captions: Sequence[Caption]
    room: Room
    frame: Frame | None

    def failed(self, step: int | None) -> str:
        """How it failed in that step: a task raised, or data broke a rule and nobody was told."""
        if step is None or step >= len(self.captions):
            return ""
        if self.captions[step].failed:
            return "raised"
        since = self.run.failed_at if self.run.failed_at is not None else len(self.captions) - 1
        return "a rule broke" if self.run.outcome == "silent" and step == since else ""


def address(a: int, b: int, **more: object) -> str:
    return "?" + urlencode({"a": a, "b": b, **{name: value for name, value in more.items() if value not in ("", None)}})


def opening(alignment: Alignment) -> int:
    """The row that is shown first: where they begin to differ, else the last."""
    return alignment.differs if alignment.differs is not None else len(alignment.pairs) - 1


def compare(
    alignment: Alignment,
    row: int,
    a: Asked,
    b: Asked,
    *,
    asked: int | None,
    view: str = "",
    present: bool = False,
) -> Comparison:
    """Two runs at a row of their alignment."""
    pair = alignment.pairs[row] if alignment.pairs else Pair(None, None, True)
    found, differ = differences(a.frame, b.frame)
    failing = [number for number, one in enumerate(alignment.pairs) if a.failed(one.a) or b.failed(one.b)]
    failure = next((one for one in failing if one > row), failing[0] if failing else None)
    whose = alignment.pairs[failure] if failure is not None else pair
    turn = [str(side.run.id) for side, step in ((a, whose.a), (b, whose.b)) if side.failed(step)]
    shown = {"view": view, "present": int(present) or "", "rev_a": a.run.rev, "rev_b": b.run.rev, "step": asked}
    over = a.run.over and b.run.over
    return Comparison(
        a=_side("a", a, pair.a is not None, differ),
        b=_side("b", b, pair.b is not None, differ),
        row=row,
        last=len(alignment.pairs) - 1,
        differs=alignment.differs,
        failure=failure if failure != row else None,
        turn_of_failure=" and ".join(turn),
        said=said(alignment, a, b),
        how=HOW[alignment.how],
        caption=_caption(pair, a, b),
        differences=(*found, *(rules(a.run.end, b.run.end) if row == len(alignment.pairs) - 1 else ())),
        lines=tuple(_lines(alignment, row, a, b)),
        poll=None if over else Poll(f"/compare/live{address(a.run.id, b.run.id, **shown)}", FAST),
        view=view,
        present=present,
    )


def said(alignment: Alignment, a: Asked, b: Asked) -> str:
    """From where on they differ."""
    row = alignment.differs
    if row is None:
        if not alignment.pairs:
            return "Neither has a step yet."
        over = a.run.over and b.run.over
        same = f"They do the same in all {words.count(len(alignment.pairs), 'step')}"
        if over and (a.run.outcome, a.run.signature) != (b.run.outcome, b.run.signature):
            broke = [
                f" In run {one.run.id} a rule of the data is broken from step {one.run.failed_at} on."
                for one in (a, b)
                if one.run.outcome == "silent" and one.run.failed_at is not None
            ]
            return f"{same}, and end differently: {_ending(a.run)}; {_ending(b.run)}.{''.join(broke)}"
        return same + ("." if over else " so far.")
    behind = next((one for one in (a, b) if row >= len(one.captions) and not one.run.over), None)
    if behind is not None:
        return f"They do the same so far; run {behind.run.id} has come to step {row - 1}." if row else "No step yet."
    # Up to there they have the same steps, so the row is the number of the next step in both.
    texts = [_told(row, one) for one in (a, b)]
    if texts[0] == texts[1]:
        raised, not_raised = (a, b) if a.captions[row].failed else (b, a)
        return (
            f"They differ from step {row} on: there a task raises in run {raised.run.id}, "
            f"and none in run {not_raised.run.id} ({texts[0]})."
        )
    return f"They differ from step {row} on: run {a.run.id}: {texts[0]}; run {b.run.id}: {texts[1]}."


def _told(step: int, one: Asked) -> str:
    if step < len(one.captions):
        return one.captions[step].text
    return "it is over"


def _ending(run: RunRow) -> str:
    return f"run {run.id} {words.of_run(run.status, run.outcome).word}"


def _side(key: str, one: Asked, here: bool, differs: frozenset[str]) -> Side:
    end = one.run.end
    parted = end.detail if end is not None and end.parted_at is not None else ""
    return Side(key, one.room, here, parted, end.parted_at if end is not None else None, differs)


def _caption(pair: Pair, a: Asked, b: Asked) -> str:
    if pair.same and pair.a is not None:
        return f"the same in both: {a.captions[pair.a].text}"
    parts = [
        f"run {one.run.id}: {one.captions[step].text if step is not None else 'nothing beside it'}"
        for one, step in ((a, pair.a), (b, pair.b))
    ]
    return " · ".join(parts)


SAME, DIFFERS, NOT_YET = Mark("same", "=", "quiet"), Mark("differs", "≠", "warn"), Mark("not yet", "…", "quiet")


def _lines(alignment: Alignment, row: int, a: Asked, b: Asked) -> Iterator[Line]:
    first = max(0, row - AROUND)
    open_from = [
        max((number + 1 for number, pair in enumerate(alignment.pairs) if getattr(pair, key) is not None), default=0)
        for key, one in (("a", a), ("b", b))
        if not one.run.over
    ]
    for number, pair in enumerate(alignment.pairs[first : row + AROUND + 1], first):
        yield Line(
            row=number,
            a=pair.a,
            b=pair.b,
            a_text=a.captions[pair.a].text if pair.a is not None else "",
            b_text=b.captions[pair.b].text if pair.b is not None else "",
            mark=SAME if pair.same else NOT_YET if any(number >= one for one in open_from) else DIFFERS,
            same=pair.same,
            current=number == row,
            failed=a.failed(pair.a) or b.failed(pair.b),
        )


NOT_THERE = "not there"


def differences(a: Frame | None, b: Frame | None) -> tuple[tuple[Difference, ...], frozenset[str]]:
    """What differs between two pictures, and the labels of its tasks and connections. All go by their labels."""
    if a is None or b is None:
        return (), frozenset()
    found: list[Difference] = []
    marked = set()
    for told_a, told_b in (
        (_tasks(a.tasks), _tasks(b.tasks)),
        (_connections(a.connections), _connections(b.connections)),
    ):
        for label in dict.fromkeys([*told_a, *told_b]):
            name_a, said_a = told_a.get(label, ("", NOT_THERE))
            name_b, said_b = told_b.get(label, ("", NOT_THERE))
            if said_a != said_b:
                found.append(Difference(" / ".join(dict.fromkeys(filter(None, (name_a, name_b)))), said_a, said_b))
                marked.add(label)
    return (*found, *_sessions(a, b)), frozenset(marked)


def _sessions(a: Frame, b: Frame) -> Iterator[Difference]:
    """Those that are not used alike: others are inside, or other connections are held. Nobody's is like none."""
    had = [{one.id: one for one in frame.sessions if one.alive} for frame in (a, b)]
    for id in dict.fromkeys([*had[0], *had[1]]):
        ours, theirs = (side.get(id) for side in had)
        if _use(ours) != _use(theirs):
            yield Difference(f"session {id}", _used(ours, a), _used(theirs, b))


def _use(one: SessionView | None) -> tuple[frozenset[str], frozenset[str]]:
    return (frozenset(one.tasks), frozenset(one.connections)) if one is not None else (frozenset(), frozenset())


def _used(one: SessionView | None, frame: Frame) -> str:
    if one is None:
        return NOT_THERE
    inside = [f"“{task.name}”" for task in frame.tasks if task.id in one.tasks]
    holds = [f"holds {', '.join(one.connections)}"] if one.connections else []
    return "; ".join([f"{', '.join(inside)} inside" if inside else "nobody inside", *holds])


def rules(a: End | None, b: End | None) -> tuple[Difference, ...]:
    """The rules of the data of which two ends do not say the same."""
    if a is None or b is None:
        return ()
    told = [{rule.name: (rule.holds, _RULES[rule.holds], rule.detail) for rule in end.invariants} for end in (a, b)]
    found = []
    for name in dict.fromkeys([*told[0], *told[1]]):
        (holds_a, *said_a), (holds_b, *said_b) = (one.get(name, ("", NOT_THERE, "")) for one in told)
        if holds_a != holds_b:
            found.append(Difference(f"rule “{name}”", *(": ".join(filter(None, said)) for said in (said_a, said_b))))
    return tuple(found)


_RULES = {True: "holds", False: "broken", None: "not checked"}


def _tasks(tasks: Sequence[TaskView]) -> dict[str, tuple[str, str]]:
    told = {}
    for task in tasks:
        word = (words.TASK_STATES.get(task.state) or words.unknown(task.state)).word
        if task.state == "waiting":
            more = f"for {task.waits}" if task.waits else ""
        elif task.errors:
            more = words.error(task.errors[0].type, task.errors[0].message, 160)
        else:
            more = words.cut(task.value, 80)
        told[task.id] = (f"“{task.name}”", f"{word} {more}".strip())
    return told


def _connections(connections: Sequence[ConnectionView]) -> dict[str, tuple[str, str]]:
    told = {}
    for one in connections:
        parts = [one.state if one.state != "idle" else "", words.transaction(one.transaction)]
        if one.state in ("sent", "held", "blocked") and one.command:
            parts[0] = f"{one.state} {one.command}"
        if one.state == "closed":
            parts = ["closed"]
        if one.orphan:
            parts.append("orphan")
        if one.blocked_by:
            parts.append(f"blocked by {', '.join(one.blocked_by)}")
        told[one.id] = (f"connection {one.id}", ", ".join(part for part in parts if part))
    return told


# With whom to compare


@dataclass(frozen=True)
class Partner:
    """A run to compare with that is there already."""

    id: int
    why: str
    text: str


@dataclass(frozen=True)
class Candidate:
    """A run to compare with that would be made: the same schedule, as far as it goes."""

    program: str
    stack: str
    text: str
    ready: bool
    kind: Mark | None = None  # of another program


@dataclass(frozen=True)
class Partners:
    """The page on which one chooses."""

    run: RunRow
    incident_title: str
    there: tuple[Partner, ...]
    stacks: tuple[Candidate, ...]
    programs: tuple[Candidate, ...]
    why_not: str  # why no run can be made under its schedule


def partner(row: RunRow, why: str) -> Partner:
    mark = words.of_run(row.status, row.outcome)
    summary = f": {words.cut(words.driver_first(row.summary), 120)}" if row.summary else ""
    return Partner(row.id, why, f"{row.program} on {row.stack}, {mark.word}{summary}")
