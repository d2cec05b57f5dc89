"""A run told by what changes: a step's frame as the difference from the frame before it, and whole now and then.

Most of a picture is as it was a step ago, so most steps say what is not. A tuple of a frame is then a list of parts:
`[i, j]` takes the items from i up to j as they were, `[i, {...}]` takes item i with other values in some fields (null:
the field's default), and an object is an item that was not there. What is equal in a frame is left out.

What is taken over is the very same object, so whoever compares two frames finds out cheaply what moved.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Optional

from interlock import journal
from interlock.frame import ActivityRow
from interlock.frame import Choice
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step

EVERY = 50
"""Each step whose number is a multiple of this is told whole: to see any step, begin at most so far before it."""

_KEYS: dict[type, str] = {ActivityRow: "connection", Choice: "token"}  # all else is known by its `id`


def to_data(step: Step, before: Optional[Frame]) -> dict[str, Any]:
    """A step as JSON-ready data: with its frame, or with what changed since `before`, the frame of the step before."""
    if before is None or step.number % EVERY == 0:
        whole: dict[str, Any] = journal.to_data(step)
        return whole
    told: dict[str, Any] = journal.to_data(dataclasses.replace(step, frame=Frame(0.0)))
    del told["frame"]
    return {**told, "changes": changes(before, step.frame)}


def from_data(data: dict[str, Any], before: Optional[Frame]) -> Step:
    """The inverse of `to_data`. Raises what malformed data raises: `LookupError`, `TypeError` and their like."""
    if "changes" not in data:
        return journal.from_data(Step, data)
    if before is None:
        raise ValueError("the step before it is missing")
    told = {name: value for name, value in data.items() if name != "changes"}
    step = journal.from_data(Step, {**told, "frame": {"clock": 0.0}})
    return dataclasses.replace(step, frame=changed(before, data["changes"]))


def steps(told: Iterable[dict[str, Any]], without: Sequence[str] = ()) -> Iterator[Step]:
    """Steps that follow each other, the first of them told whole. These fields of their frames are left empty."""
    before: Optional[Frame] = None
    for data in told:
        for part in ("frame", "changes"):
            if without and part in data:
                data = {**data, part: {name: one for name, one in data[part].items() if name not in without}}
        step = from_data(data, before)
        before = step.frame
        yield step


def changes(before: Frame, after: Frame) -> dict[str, Any]:
    """What is to be done to one frame to make it another."""
    found: dict[str, Any] = {}
    for name, _, _ in journal.fields(Frame):
        old, new = getattr(before, name), getattr(after, name)
        if old is not new and old != new:
            found[name] = _parts(old, new) if isinstance(new, tuple) else new
    return found


def changed(frame: Frame, changes: dict[str, Any]) -> Frame:
    """The inverse of `changes`: the frame that came of it. What an older Interlock does not know is passed over."""
    values: dict[str, Any] = {}
    for name, item in _ITEMS.items():
        if name in changes:
            values[name] = changes[name] if item is None else _taken(item, getattr(frame, name), changes[name])
    return dataclasses.replace(frame, **values)


_ITEMS: dict[str, Any] = {  # the fields of a frame, with the type of the items in those that are tuples
    name: next(iter(typing.get_args(kind)), None) for name, kind in typing.get_type_hints(Frame).items()
}


def _parts(before: tuple[Any, ...], after: tuple[Any, ...]) -> list[Any]:
    kind = type((before or after)[0])
    key = _KEYS.get(kind, "id")
    places = {getattr(item, key): place for place, item in enumerate(before)}
    parts: list[Any] = []
    end = -1  # where the items taken last stop
    for item in after:
        place = places.pop(getattr(item, key), None)
        if place is None:
            parts.append(journal.to_data(item))
        elif before[place] is not item and before[place] != item:
            parts.append([place, _fields(kind, before[place], item)])
        elif place == end:
            parts[-1][1] = end = place + 1
            continue
        else:
            parts.append([place, place + 1])
            end = place + 1
            continue
        end = -1
    return parts


def _fields(kind: type, before: Any, after: Any) -> dict[str, Any]:
    found = {}
    for name, default, _ in journal.fields(kind):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            found[name] = None if new == default else journal.to_data(new)
    return found


def _taken(item: Any, before: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    decoders, defaults = journal.decoders(item), _defaults(item)
    after: list[Any] = []
    room = len(before)  # each item is taken once at most: what somebody hands in cannot double with every step
    for part in parts:
        if isinstance(part, dict):
            after.append(journal.from_data(item, part))
            continue
        place, what = part
        taken = 1 if isinstance(what, dict) else what - place
        room -= taken
        if place < 0 or taken < 1 or room < 0 or place + taken > len(before):
            raise ValueError("it takes what is not there")
        if isinstance(what, dict):
            values = {
                name: defaults[name] if value is None else decoders[name](value)
                for name, value in what.items()
                if name in decoders
            }
            after.append(dataclasses.replace(before[place], **values))
        else:
            after.extend(before[place:what])
    return tuple(after)


def _defaults(kind: type) -> dict[str, Any]:
    return {name: default for name, default, _ in journal.fields(kind)}


class Writer:
    """The lines of one run's journal, as `interlock.journal.FORMAT` has them."""

    def __init__(self) -> None:
        self._before: Optional[Frame] = None

    def dump(self, message: Message) -> str:
        """The next line, without its newline."""
        if isinstance(message, Header):
            return journal.dump(dataclasses.replace(message, format=journal.FORMAT))
        if not isinstance(message, Step):
            return journal.dump(message)
        told, self._before = to_data(message, self._before), message.frame
        return journal.line_of("step", told)


class Reader:
    """Reads the lines of one run's journal, of this format or an older one."""

    def __init__(self) -> None:
        self._before: Optional[Frame] = None

    def load(self, line: str) -> Message:
        """Read the next line. Raises `JournalError`."""
        return journal.load(line, self.step)

    def step(self, data: dict[str, Any]) -> Step:
        """The next step, from its data."""
        step = from_data(data, self._before)
        self._before = step.frame
        return step
