"""The journal of a run as text: one JSON object a line, `Header`, `Step`s, `End`; and what makes two of them equal.

Here each line stands for itself. In a run's journal most steps are told by what changed: `delta` writes and reads them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from collections.abc import Iterable
from typing import Any
from typing import Optional
from typing import TypeVar
from typing import Union

from interlock.frame import End
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step

FORMAT = 2
"""1 had the whole frame in every step; 2 may have what changed since the step before instead."""
T = TypeVar("T")
_KINDS: dict[str, type] = {"header": Header, "step": Step, "end": End}


class JournalError(ValueError):
    """This is not a journal that Interlock can read."""


def to_data(value: Any, *, volatile: bool = True) -> Any:
    """A value of `frame` as JSON-ready data. Fields at their default are left out; volatile ones on request."""
    cls = type(value)
    if cls is tuple or cls is list:
        return [to_data(item, volatile=volatile) for item in value]
    if cls is dict:
        return {str(key): to_data(item, volatile=volatile) for key, item in value.items()}
    encode = _encoder(cls, volatile)
    return value if encode is None else encode(value)


_Convert = typing.Callable[[Any], Any]
_encoders: dict[tuple[Any, bool], Optional[_Convert]] = {}


def _encoder(kind: Any, volatile: bool) -> Optional[_Convert]:
    """What makes data of a value of this type; None if it is data already."""
    try:
        return _encoders[kind, volatile]
    except KeyError:
        found = _encoders[kind, volatile] = _make_encoder(kind, volatile)
        return found


def _make_encoder(kind: Any, volatile: bool) -> Optional[_Convert]:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        told = [
            (name, default, _encoder(hints[name], volatile))
            for name, default, is_volatile in fields(typing.cast(type, kind))
            if volatile or not is_volatile
        ]

        def encode(value: Any) -> dict[str, Any]:
            data = {}
            for name, default, inner in told:
                item = getattr(value, name)
                if item != default:
                    data[name] = item if inner is None else inner(item)
            return data

        return encode
    if origin is tuple:
        item = _encoder(args[0], volatile)
        return list if item is None else lambda value: [item(one) for one in value]
    if origin is dict:
        inside = _encoder(args[1], volatile)
        return dict if inside is None else lambda value: {key: inside(one) for key, one in value.items()}
    if origin is Union:
        inner = _encoder(next(arg for arg in args if arg is not type(None)), volatile)
        return None if inner is None else lambda value: None if value is None else inner(value)
    return None


def fields(cls: type) -> tuple[tuple[str, Any, bool], ...]:
    """Name, default and volatility of a dataclass's fields; a field without a default has one that equals nothing."""
    found = _known_fields.get(cls)
    if found is None:
        described = ((f.name, f.default, bool(f.metadata.get("volatile"))) for f in dataclasses.fields(cls))
        found = _known_fields[cls] = tuple(described)
    return found


_known_fields: dict[type, tuple[tuple[str, Any, bool], ...]] = {}


def from_data(cls: type[T], data: Any) -> T:
    """The inverse of `to_data`. Unknown fields are passed over, so that an older Interlock opens what it can."""
    return typing.cast(T, _decoder(cls)(data))


_decoders: dict[Any, _Convert] = {}


def _decoder(kind: Any) -> _Convert:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = _make_decoder(kind)
    return found


def _make_decoder(kind: Any) -> _Convert:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        known, make = decoders(typing.cast(type, kind)), typing.cast(Any, kind)
        return lambda data: make(**{name: known[name](item) for name, item in data.items() if name in known})
    if origin is tuple:
        item = _decoder(args[0])
        return lambda data: tuple([item(one) for one in data])
    if origin is dict:
        value = _decoder(args[1])
        return lambda data: {key: value(one) for key, one in data.items()}
    if origin is Union:
        inner = _decoder(next(arg for arg in args if arg is not type(None)))
        return lambda data: None if data is None else inner(data)
    return lambda data: data


def decoders(cls: type) -> dict[str, _Convert]:
    """For each field of a dataclass what makes its value of data."""
    found = _known_decoders.get(cls)
    if found is None:
        hints = typing.get_type_hints(cls)
        found = _known_decoders[cls] = {f.name: _decoder(hints[f.name]) for f in dataclasses.fields(cls)}
    return found


_known_decoders: dict[type, dict[str, _Convert]] = {}


def dump(message: Message) -> str:
    """One line of a journal, without its newline."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(message, cls))
    return line_of(kind, to_data(message))


def line_of(kind: str, data: Any) -> str:
    """A line from its data."""
    return json.dumps({kind: data}, ensure_ascii=False, separators=(",", ":"))


def load(line: str, step: typing.Callable[[Any], Step] = lambda data: from_data(Step, data)) -> Message:
    """Read one line of a journal; `step` makes a step of its data. Raises `JournalError`."""
    try:
        data = json.loads(line)
        ((kind, body),) = data.items()
        message: Message = step(body) if kind == "step" else from_data(_KINDS[kind], body)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise JournalError(f"Not a line of a journal: {line[:80]!r} ({error})") from error
    if isinstance(message, Header) and message.format > FORMAT:
        raise JournalError(
            f"This journal has format {message.format}; this Interlock reads up to {FORMAT}. Use a newer one."
        )
    return message


def digest(messages: Iterable[Message]) -> str:
    """A fingerprint of a run: equal for equal runs, whatever their process ids, dates and speed."""
    found = Digest()
    for message in messages:
        found.add(message)
    return str(found)


class Digest:
    """The fingerprint of the messages so far."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, message: Message) -> None:
        self._sha.update(canonical(message).encode())
        self._sha.update(b"\n")

    def __str__(self) -> str:
        return self._sha.hexdigest()


def canonical(message: Message) -> str:
    """A message without its volatile fields, in one fixed spelling: what replays are compared by."""
    return json.dumps(to_data(message, volatile=False), ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def first_difference(one: Iterable[Message], other: Iterable[Message]) -> Optional[tuple[int, str, str]]:
    """The first messages in which two journals differ (index and both spellings), or None where they are equal."""
    lines, others = [canonical(m) for m in one], [canonical(m) for m in other]
    for index in range(max(len(lines), len(others))):
        a = lines[index] if index < len(lines) else "(ended)"
        b = others[index] if index < len(others) else "(ended)"
        if a != b:
            return index, a, b
    return None
