"""What can happen next, in plain words: the buttons of a run that waits, what was possible in a recorded one."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.presenters.words import Names
from interlock.frame import Choice
from interlock.frame import Frame

SHOWN = 9
"""So many stand in the open (the number keys reach them); the others are folded."""
LISTED = 40
"""So many faults are listed; of more one is picked by its name."""


@dataclass(frozen=True)
class ChoiceLine:
    number: int
    token: str
    kind: str
    text: str
    wakes: str  # “first”, “second”
    default: bool  # what going on without choosing carries out
    taken: bool  # what this run did next


@dataclass(frozen=True)
class Choices:
    """`offered` come by themselves (`folded` are more of them); `what_if` are faults that someone must ask for."""

    offered: tuple[ChoiceLine, ...]
    folded: tuple[ChoiceLine, ...]
    what_if: tuple[ChoiceLine, ...]
    live: bool  # they can be chosen now
    branch: bool  # they can be chosen in a new run, that does the same up to here

    @property
    def crowded(self) -> bool:
        """So many faults that a list of them would be no help."""
        return len(self.what_if) > LISTED

    @property
    def any(self) -> bool:
        return bool(self.offered or self.what_if)


def choices(
    frame: Frame, names: Names, *, live: bool, taken: str | None, scheduled: str | None = None, branch: bool = False
) -> Choices:
    """The choices of a frame. `taken` is what the recorded run went on with, `scheduled` what Next will carry out."""
    offered = [one for one in frame.choices if one.offered]
    lines = tuple(_line(number, one, names, taken, scheduled) for number, one in enumerate(offered, 1))
    faults = tuple(_line(0, one, names, taken, scheduled) for one in frame.choices if not one.offered)
    return Choices(lines[:SHOWN], lines[SHOWN:], faults, live, branch)


def _line(number: int, choice: Choice, names: Names, taken: str | None, scheduled: str | None) -> ChoiceLine:
    return ChoiceLine(
        number=number,
        token=choice.token,
        kind=choice.kind,
        text=names.text(choice.text),
        wakes=names.tasks_of(choice.wakes),
        default=choice.token == scheduled if scheduled else choice.default,
        taken=choice.token == taken,
    )
