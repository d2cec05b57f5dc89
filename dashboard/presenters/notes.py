"""Notes at the steps of a run, as its page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.store.records import Note


@dataclass(frozen=True)
class NoteLine:
    id: int
    step: int
    text: str  # empty: a bookmark
    actor: str
    here: bool  # at the step that is shown


def lines(notes: Sequence[Note], at: int) -> tuple[NoteLine, ...]:
    return tuple(NoteLine(one.id, one.step, one.text, one.actor, one.step == at) for one in notes)
