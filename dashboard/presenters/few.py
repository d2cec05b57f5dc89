"""Of many the few in which something happens, and in words how many are not shown: the same in every panel."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from dashboard.presenters import words

TASKS, CONNECTIONS, SESSIONS = 24, 16, 24
"""So many are shown unless every one is wanted."""

T = TypeVar("T")


def few(items: Sequence[T], limit: int, weight: Callable[[T], Any], every: bool = False) -> tuple[T, ...]:
    """Of many those of the greatest weight, in the order in which they stood."""
    if every or len(items) <= limit:
        return tuple(items)
    places = sorted(range(len(items)), key=lambda place: (weight(items[place]), -place), reverse=True)
    return tuple(items[place] for place in sorted(places[:limit]))


def hidden(**left: int) -> str:
    """How many of each noun are left out: “276 quieter tasks and 44 quieter connections”."""
    return " and ".join(words.count(count, f"quieter {noun}") for noun, count in left.items() if count)
