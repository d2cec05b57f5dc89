"""Stacks and tracebacks: whose code each call is, and how one error led to the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from interlock.frame import ErrorView
from interlock.frame import Place

_LINKS = {
    "cause": "It was the direct cause of:",
    "context": "While it was being handled, another was raised:",
    "member": "It became a member of:",
}


@dataclass(frozen=True)
class Frames:
    """Calls that follow each other in a stack, all ours or all a library's; `library` names whose."""

    ours: bool
    library: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class ErrorBlock:
    """One error of a chain. `first` is where it began: later ones are its consequences, and often mask it."""

    type: str
    message: str
    first: bool
    last: bool
    leads: str  # how it leads to the next one
    frames: tuple[Frames, ...]


def chain(errors: tuple[ErrorView, ...]) -> tuple[ErrorBlock, ...]:
    """A chain as it came about: from where it began to what was raised in the end."""
    blocks = []
    for index in range(len(errors) - 1, -1, -1):
        error = errors[index]
        blocks.append(
            ErrorBlock(
                type=error.type,
                message=error.message,
                first=index == len(errors) - 1,
                last=index == 0,
                leads=_LINKS.get(error.link, "") if index else "",
                frames=grouped(error.stack),
            )
        )
    return tuple(blocks)


def grouped(stack: tuple[Place, ...]) -> tuple[Frames, ...]:
    """A stack in stretches of our code and of libraries'."""

    def owner(place: Place) -> tuple[bool, str]:
        return (True, "") if place.ours else (False, place.file.split("/", 1)[0])

    return tuple(Frames(ours, library, tuple(places)) for (ours, library), places in groupby(stack, owner))
