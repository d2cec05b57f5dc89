"""A journal from elsewhere: read, checked to the last value, and matched with a program and a stack that are here.

A journal of ours is right by construction. One that somebody hands in may be anything, and what it says will be shown
by pages and kept in the store, so every value has to be of the kind that `interlock.frame` says.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.catalogue.incidents import Incident
from dashboard.catalogue.incidents import Program
from dashboard.catalogue.stacks import Stack
from dashboard.runs import branches
from interlock import schedule
from interlock.delta import Reader
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.journal import JournalError
from interlock.schedule import Schedule

MOST_STEPS = 20_000
LARGEST = 2**63  # no number in a journal is as large
MODES = ("step", "replay", "follow", "random", "natural")
CUT_SHORT = ("stopped", "interrupted")
"""Outcomes that came from outside: the run itself would have gone on."""


@dataclass(frozen=True)
class Recorded:
    """A run as its journal tells it."""

    header: Header
    steps: tuple[Step, ...]
    end: End | None  # None: the journal stops before it

    @property
    def schedule(self) -> Schedule:
        """What was carried out; of a run that left its schedule, what it was asked to follow."""
        if self.end is not None and self.end.outcome == "diverged":
            return schedule.parse(self.header.schedule)
        return branches.followed(self.end, self.steps)

    @property
    def whole(self) -> bool:
        """It goes to the run's own end."""
        return self.end is not None and self.end.outcome not in CUT_SHORT


def read(lines: Iterable[str]) -> Recorded:
    """A journal's lines, one message each. Raises `JournalError` naming the line that is wrong."""
    header: Header | None = None
    steps: list[Step] = []
    end: End | None = None
    number, reader = 1, Reader()
    try:
        for line in lines:
            message = reader.load(line)
            if end is not None:
                raise JournalError("Something follows the end of the run.")
            if isinstance(message, Header) is (header is not None):
                raise JournalError("A journal begins with one header." if header is None else "A second header.")
            kind: Any = type(message)
            _check(kind)(_news(message, steps[-1].frame) if steps else message, kind.__name__.lower())
            if isinstance(message, Header):
                header = _checked_header(message)
            elif isinstance(message, Step):
                steps.append(_checked_step(message, len(steps)))
            else:
                end = _checked_end(message, len(steps))
            number += 1
    except UnicodeDecodeError as error:
        raise JournalError(f"Line {number} is not UTF-8 text: this is no journal.") from error
    except RecursionError as error:
        raise JournalError(f"Line {number}: it is nested too deeply.") from error
    except (JournalError, schedule.ScheduleError) as error:
        raise JournalError(f"Line {number}: {error}") from error
    if header is None:
        raise JournalError("It is empty. A journal has a line for its header, one for each step, one for its end.")
    return Recorded(header, tuple(steps), end)


def origin(header: Header, incidents: Sequence[Incident]) -> tuple[Incident, Program] | None:
    """The program here whose files are those of the journal, to the letter."""
    same = (pair for pair in namesakes(header, incidents) if not altered(header, pair[1].path.parent))
    return next(same, None)


def namesakes(header: Header, incidents: Sequence[Incident]) -> list[tuple[Incident, Program]]:
    """The programs here whose file is called as the journal's."""
    name = Path(header.program).name
    return [(one, program) for one in incidents for program in one.programs if program.path.name == name]


def altered(header: Header, folder: Path) -> list[str]:
    """The journal's source files that are others in this folder, or missing."""
    return [name for name, text in sorted(header.sources.items()) if _text(folder, name) != text]


def stack_of(header: Header, stacks: Sequence[Stack]) -> Stack | None:
    """The stack here with the libraries of the journal."""
    wanted = {f"{name} {header.versions.get(name)}" for name in ("sqlalchemy", "asyncpg")}
    return next((stack for stack in stacks if wanted <= {pin.lower() for pin in stack.pins}), None)


def _text(folder: Path, name: str) -> str | None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():  # the name comes from the journal
        return None
    return path.read_text("utf-8", "replace")


def _news(message: Message, before: Frame) -> Message:
    """A message with what was not in the frame before it: what it took over has been checked."""
    if not isinstance(message, Step):
        return message
    known = {id(view) for _, views in _views(before) for view in views}
    fresh: dict[str, Any] = {
        name: tuple(view for view in views if id(view) not in known) for name, views in _views(message.frame)
    }
    return dataclasses.replace(message, frame=dataclasses.replace(message.frame, **fresh))


def _views(frame: Frame) -> Iterable[tuple[str, tuple[Any, ...]]]:
    return ((name, value) for name, value in vars(frame).items() if isinstance(value, tuple))


def _checked_header(header: Header) -> Header:
    if header.mode not in MODES:
        raise JournalError(f"{header.mode[:40]!r} is no mode; there are {', '.join(MODES)}.")
    schedule.parse(header.schedule)
    return header


def _checked_step(step: Step, expected: int) -> Step:
    if step.number != expected:
        raise JournalError(f"Step {expected} is expected here, not step {step.number}.")
    if expected >= MOST_STEPS:
        raise JournalError(f"It has more than {MOST_STEPS:,} steps.")
    if step.choice is not None:
        schedule.parse(f"il1:1={step.choice.token}")
    return step


def _checked_end(end: End, steps: int) -> End:
    if not end.outcome.isidentifier() or not (end.signature.isalnum() or not end.signature):
        raise JournalError("Its end has an outcome or a signature that is none.")
    if end.failed_at is not None and not 0 <= end.failed_at < steps:
        raise JournalError(f"It is said to have failed at step {end.failed_at}, which it does not have.")
    schedule.parse(end.schedule)
    return end


Check = Callable[[Any, str], None]  # (value, its place, for the message); raises JournalError


@cache
def _check(kind: Hashable) -> Check:
    """A check that a value is of a type, as the fields of `interlock.frame` are annotated."""
    base, args = typing.get_origin(kind), typing.get_args(kind)
    if base is tuple:
        item = _check(args[0])
        return lambda values, place: _each(item, values, place)
    if base is dict:
        item = _check(args[1])
        return lambda values, place: _each(item, values.values(), place)
    if base is typing.Union:
        inner = _check(next(arg for arg in args if arg is not type(None)))
        return lambda value, place: None if value is None else inner(value, place)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = [(field.name, _check(hints[field.name])) for field in dataclasses.fields(kind)]
        return lambda value, place: _fields(fields, value, place)
    assert isinstance(kind, type)
    return lambda value, place: _plain(kind, value, place)


def _fields(fields: Sequence[tuple[str, Check]], value: object, place: str) -> None:
    for name, check in fields:
        check(getattr(value, name), f"{place}.{name}")


def _each(check: Check, values: Iterable[object], place: str) -> None:
    for one in values:
        check(one, place)


def _plain(kind: type, value: Any, place: str) -> None:
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits or (kind in (int, float) and not -LARGEST < value < LARGEST):  # what is no number is not less, either
        raise JournalError(f"{place} should be of type {kind.__name__}, and is {str(value)[:40]!r}.")
