"""The program's own files, with a marker per task at the line where it waits or where it raised."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from itertools import groupby

from markupsafe import Markup
from markupsafe import escape

from dashboard.findings.why import Clause
from dashboard.findings.why.headline import shown
from dashboard.findings.why.headline import turn
from dashboard.presenters import words
from dashboard.presenters.few import few
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import TaskView

MARKERS, LETTERS = 4, 40
"""So many stand at a line, and names of so many letters; of more, those that moved."""

PANEL, AROUND, LEAST = 28, (12, 9, 7, 5, 4, 3, 2, 1), 5
"""So many lines can be seen at once. Of more only those that the proof cites or a task stands at, with as many around
each as there is room for; what lies between is folded away, if it is at least so much."""
NAME = 2  # the name of a file takes as much room as so many lines


@dataclass(frozen=True)
class Marker:
    task: str
    name: str
    state: str  # waiting | error
    moved: bool


@dataclass(frozen=True)
class Line:
    number: int
    code: Markup  # coloured
    markers: tuple[Marker, ...] = ()
    more: int = 0  # markers that have no room
    current: bool = False  # where a task has just come to
    cited: tuple[Clause, ...] = ()  # what the proof says of it
    besides: bool = False  # it says so of another line, and of this one too
    led: int | None = None  # the step in which what was done here led to the failure
    showed: int | None = None  # the step in which it showed here


@dataclass(frozen=True)
class Part:
    """Lines that follow each other, to be seen or folded away."""

    lines: tuple[Line, ...]
    folded: bool = False


@dataclass(frozen=True)
class File:
    name: str
    lines: tuple[Line, ...]
    around: int | None = None  # so many lines around those that are pointed at are seen; None: all

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part(self.lines),) if self.around is None else _parts(self.lines, self.around)


def source(
    sources: Mapping[str, str], main: str, frame: Frame | None, proof: Sequence[Clause] = ()
) -> tuple[File, ...]:
    """The files, the program itself first, and then those that the proof cites."""
    cited: dict[tuple[str, int], list[Clause]] = {}
    besides: set[tuple[str, int]] = set()
    for clause in proof:
        if clause.place is not None:
            cited.setdefault((clause.place.file, clause.place.line), []).append(clause)
        besides.update((one.file, one.line) for one in clause.more)
    led, showed = _led(proof), shown(proof)
    if led is not None and showed is not None and led.place == showed.place:
        led = None  # the line of the failure itself
    markers, current = _markers(frame.tasks if frame is not None else (), sources)
    told = {name for name, _ in cited}
    names = sorted(sources, key=lambda name: (name != main, name not in told, name))
    files = tuple(
        File(
            name,
            tuple(
                _line(
                    number,
                    code,
                    markers.get((name, number), []),
                    (name, number) == current,
                    tuple(cited.get((name, number), ())),
                    (name, number) in besides,
                    *(one.step if one is not None and _at(one) == (name, number) else None for one in (led, showed)),
                )
                for number, code in enumerate(highlighted(sources[name]), 1)
            ),
        )
        for name in names
    )
    return _folded(files) if cited else files


def _markers(
    tasks: Sequence[TaskView], sources: Mapping[str, str]
) -> tuple[dict[tuple[str, int], list[Marker]], tuple[str, int] | None]:
    """The markers by file and line, and the line to which the first task that moved has come."""
    found: dict[tuple[str, int], list[Marker]] = {}
    current: tuple[str, int] | None = None
    stands = places(tasks)
    for task in tasks:
        place = stands.get(task.id)
        if place is None or place.file not in sources:
            continue
        at = (place.file, place.line)
        found.setdefault(at, []).append(Marker(task.id, task.name, task.state, task.moved))
        if task.moved and current is None:
            current = at
    return found, current


def _folded(files: tuple[File, ...]) -> tuple[File, ...]:
    """The files with as many lines around those that are pointed at as fit into the panel; all, if these fit."""
    if sum(len(file.lines) for file in files) <= PANEL:
        return files
    room = PANEL - (NAME * len(files) if len(files) > 1 else 0)
    room -= sum(line.led is not None or line.showed is not None for file in files for line in file.lines)
    for around in AROUND:
        short = tuple(replace(file, around=around) for file in files)
        if sum(1 if part.folded else len(part.lines) for file in short for part in file.parts) <= room:
            break
    return short


def _led(proof: Sequence[Clause]) -> Clause | None:
    """What led to the failure: what the proof turns on, or what broke a rule before that."""
    led, since = turn(proof), next((one for one in proof if one.claim == "since"), None)
    if led is None or since is None or led.step <= since.step:
        return led
    return next((one for one in reversed(proof) if one.place is not None and one.step <= since.step), None)


def _at(clause: Clause) -> tuple[str, int] | None:
    return (clause.place.file, clause.place.line) if clause.place is not None else None


def _parts(lines: tuple[Line, ...], around: int) -> tuple[Part, ...]:
    pointed = [line.number for line in lines if line.cited or line.besides or line.markers]
    near = {number + more for number in pointed for more in range(-around, around + 1)}
    parts: list[Part] = []
    for seen, group in groupby(lines, lambda line: line.number in near):
        part = tuple(group)
        if seen or len(part) < LEAST:
            before = parts.pop().lines if parts and not parts[-1].folded else ()
            parts.append(Part(before + part))
        else:
            parts.append(Part(part, folded=True))
    return tuple(parts)


def _line(
    number: int,
    code: Markup,
    markers: list[Marker],
    current: bool,
    cited: tuple[Clause, ...],
    besides: bool,
    led: int | None,
    showed: int | None,
) -> Line:
    def weight(one: Marker) -> tuple[bool, bool]:
        return one.moved, one.state == "error"

    letters = accumulate(len(one.name) + 2 for one in sorted(markers, key=weight, reverse=True))
    standing = few(markers, min(MARKERS, max(1, sum(sofar <= LETTERS for sofar in letters))), weight)
    return Line(number, code, standing, len(markers) - len(standing), current, cited, besides, led, showed)


def places(tasks: Sequence[TaskView]) -> dict[str, Place]:
    """By task the line of the program that it waits at; of one that raised, its own line where that began: not in the
    calls of another task, through which an error came that it awaited.
    """
    raised: dict[tuple[str, str], dict[tuple[Place, ...], list[str]]] = {}  # by error, by stack: who
    for task in tasks:
        for error in task.errors:
            raised.setdefault((error.type, error.message), {}).setdefault(error.stack, []).append(task.id)
    parents = {task.id: task.parent for task in tasks}
    found = {}
    for task in tasks:
        stacks = [error.stack for error in reversed(task.errors)]
        kept = [
            _kept(task.id, error.stack, raised[error.type, error.message], parents) for error in reversed(task.errors)
        ]
        place = task.place if task.state == "waiting" else _own([*kept, *stacks])
        if place is not None:
            found[task.id] = place
    return found


def _own(stacks: Sequence[Sequence[Place]]) -> Place | None:
    """The innermost place of the program's own files, in the first stack that has one."""
    own = ([place for place in stack if place.ours and not place.file.startswith("<")] for stack in stacks)
    return next((places[-1] for places in own if places), None)


def _kept(
    task: str,
    stack: tuple[Place, ...],
    raised: Mapping[tuple[Place, ...], Sequence[str]],
    parents: Mapping[str, str | None],
) -> tuple[Place, ...]:
    """Of the stack of an error what is the task's own: an error that is awaited brings the calls along that it came
    through, and they follow those of whoever awaits it. `raised`: the stacks that this error has in all tasks.
    """
    if any(_under(one, task, parents) for one in raised[stack]):
        return ()  # all of it: a member of a group
    shorter = (len(calls) for calls in raised if calls and len(calls) < len(stack) and stack[-len(calls) :] == calls)
    return stack[: len(stack) - max(shorter, default=0)]


def _under(task: str, parent: str, parents: Mapping[str, str | None]) -> bool:
    """Whether a task was made by this one, or by one that this one made."""
    above = parents.get(task)
    while above is not None and above != parent:
        above = parents.get(above)
    return above is not None


@lru_cache(maxsize=64)
def highlighted(text: str) -> tuple[Markup, ...]:
    """The lines of Python source, coloured; plain lines if it cannot be tokenized."""
    text = words.visible(text.replace("\r\n", "\n"))
    lines = text.splitlines()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return tuple(escape(line) for line in lines)
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for token in tokens:
        kind = _kind(token)
        if not kind:
            continue
        (first, start), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            length = len(lines[number - 1]) if number <= len(lines) else 0
            spans.setdefault(number, []).append(
                (start if number == first else 0, end if number == last else length, kind)
            )
    return tuple(_coloured(line, spans.get(number, [])) for number, line in enumerate(lines, 1))


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME and keyword.iskeyword(token.string):
        return "keyword"
    name = tokenize.tok_name[token.type]
    if name == "STRING" or name.startswith("FSTRING"):  # f-strings come in parts from 3.12 on
        return "string"
    return {"COMMENT": "comment", "NUMBER": "number"}.get(name, "")


def _coloured(line: str, spans: list[tuple[int, int, str]]) -> Markup:
    pieces = Markup()
    at = 0
    for start, end, kind in spans:
        pieces += escape(line[at:start]) + Markup('<span class="py-{}">{}</span>').format(kind, line[start:end])
        at = end
    return pieces + escape(line[at:])
