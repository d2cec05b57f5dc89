"""Two runs beside each other: which step of one belongs to which step of the other. Pure functions.

Steps are the same if the world did the same in them (a reply to the same statement, a timer, a fault), the same tasks
ran, and a task raised in both or in neither. Which number a connection has does not matter, for another stack may open
them in another order; tasks go by theirs, the order of their creation, for another program may call them otherwise.
Up to the first difference the runs need no aligning; after it, steps are paired along the longest sequence that both
have in common, or, where that is too much to work out, by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dashboard.store.records import Caption

LARGEST = 1_000_000
"""Steps times steps that are compared, each with each: about a third of a second."""

Key = tuple[str, tuple[str, ...], bool]


@dataclass(frozen=True)
class Pair:
    """A row of the comparison: a step of each run, or of one of them."""

    a: int | None
    b: int | None
    same: bool


@dataclass(frozen=True)
class Alignment:
    pairs: tuple[Pair, ...] = ()
    how: str = "same"  # same: they never differ | sequence | number: how steps were paired after the first difference

    @property
    def differs(self) -> int | None:
        """The row of the first difference."""
        return next((row for row, pair in enumerate(self.pairs) if not pair.same), None)

    def steps(self, row: int) -> tuple[int | None, int | None]:
        """The steps that both runs have come to in a row; None before a run's first."""
        so_far = self.pairs[: row + 1]
        last_a = next((pair.a for pair in reversed(so_far) if pair.a is not None), None)
        last_b = next((pair.b for pair in reversed(so_far) if pair.b is not None), None)
        return last_a, last_b


def align(a: Sequence[Caption], b: Sequence[Caption], largest: int = LARGEST) -> Alignment:
    """The steps of two runs in rows. Every step stands in one row, in its order."""
    return _align(tuple(map(key, a)), tuple(map(key, b)), largest)


def key(step: Caption) -> Key:
    """What of a step makes it the same as another."""
    what, _, _who_by_name = step.text.rpartition("; ")
    return re.sub(r"\bc[0-9]+\b", "c", what), step.woke, step.failed


@lru_cache(maxsize=16)
def _align(a: tuple[Key, ...], b: tuple[Key, ...], largest: int) -> Alignment:
    begin, short = 0, min(len(a), len(b))
    while begin < short and a[begin] == b[begin]:
        begin += 1
    end = 0
    while end < short - begin and a[-1 - end] == b[-1 - end]:
        end += 1
    rest_a, rest_b = len(a) - end, len(b) - end
    if (rest_a - begin) * (rest_b - begin) > largest:
        end, rest_a, rest_b = 0, len(a), len(b)
        common = [(n, n) for n in range(begin, min(rest_a, rest_b)) if a[n] == b[n]]
        how = "number"
    else:
        common = [(begin + i, begin + j) for i, j in longest_common(a[begin:rest_a], b[begin:rest_b])]
        how = "same" if len(a) == len(b) == begin else "sequence"
    head = [Pair(n, n, True) for n in range(begin)]
    tail = [Pair(rest_a + n, rest_b + n, True) for n in range(end)]
    return Alignment((*head, *_rows(common, begin, rest_a, rest_b), *tail), how)


def longest_common(a: Sequence[Key], b: Sequence[Key]) -> list[tuple[int, int]]:
    """The places of a longest sequence that both have in common."""
    lengths = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]  # of what is left from there on
    for i in range(len(a) - 1, -1, -1):
        row, below = lengths[i], lengths[i + 1]
        for j in range(len(b) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if a[i] == b[j] else max(below[j], row[j + 1])
    found = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def _rows(common: Sequence[tuple[int, int]], begin: int, end_a: int, end_b: int) -> Iterator[Pair]:
    """Rows for the common steps, and between them for the others, which stand beside each other as they come."""
    a = b = begin
    for next_a, next_b in (*common, (end_a, end_b)):
        for n in range(max(next_a - a, next_b - b)):
            yield Pair(a + n if a + n < next_a else None, b + n if b + n < next_b else None, False)
        if next_a < end_a and next_b < end_b:
            yield Pair(next_a, next_b, True)
        a, b = next_a + 1, next_b + 1
