"""The orders of a program that are known: a tree of what chance had to draw from, with the ends that were reached.

Program, stack and schedule make the same run. So a seed whose draws lead to an end that is known need not be played,
and when whatever chance may draw has been drawn everywhere, all orders there are have been tried: the tree is *whole*.
What is no order of replies, requests and timers is in none of them: faults, and timers so long that chance never
draws them before a reply (`strategy.OUTAGE`).

A program may not keep that promise (docs/adr/0003-what-escapes.md). Nothing is taken for known of one that passes what
replay does not control, or of which the same choices have made two runs; and before anything is, the first order that
comes a second time is played a second time. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any
from typing import Optional

from interlock import strategy
from interlock.frame import End
from interlock.strategy import Offer

MOST = 100_000  # steps that are kept; what is met after them is played, and forgotten

Drawn = Sequence[tuple[Offer, str]]  # step by step: from what was drawn, and what


def to_data(drawn: Drawn) -> list[Any]:
    """What a run drew, as JSON-ready data."""
    return [[offered.prompt, offered.replica, offered.timer, offered.delay, token] for offered, token in drawn]


def drawn_of(data: list[Any]) -> Drawn:
    """The inverse of `to_data`."""
    return [(Offer(tuple(prompt), *rest), token) for prompt, *rest, token in data]


@dataclass(frozen=True)
class Aim:
    """Which order a run is to take: these choices first, and what the seed draws from there on."""

    seed: int = 0
    first: tuple[str, ...] = ()


@dataclass
class Point:
    """A step at which chance draws, or the end of an order."""

    offered: Optional[Offer] = None  # None: nothing, it is over
    end: Optional[End] = None
    after: dict[str, Point] = field(default_factory=dict)  # by token
    whole: bool = False  # whatever may be drawn from here on has been followed to its end


class Orders:
    """What is known of one program on one stack, with one beginning."""

    def __init__(self) -> None:
        self.tried = 0  # orders
        self.played = 0  # runs
        self.answered = 0  # seeds whose end was known
        self.open = 1  # choices that were possible somewhere and have not been taken: at least so many orders are left
        self.untold = 0  # runs that could not tell their order or their end: they died, or stood still
        self.doubt = ""  # why replays of this program cannot be relied on, so that nothing counts as known
        self._root: Optional[Point] = None
        self._points = 0
        self._checked = False  # an order has been played twice, and was the same

    @property
    def whole(self) -> bool:
        """Every order that there is has been tried."""
        return not self.doubt and self._root is not None and self._root.whole

    def known(self, seed: int) -> Optional[End]:
        """The end that this seed comes to, if that is known."""
        if self.doubt or not self._checked:
            return None
        chance, point = random.Random(seed), self._root
        while point is not None and point.offered is not None:
            point = point.after.get(strategy.draw(chance, point.offered))
        if point is None:
            return None
        self.answered += 1
        return point.end

    def untried(self) -> Optional[Aim]:
        """An order with a choice that no run has taken yet; None if there is none, or replays cannot be relied on."""
        if self.doubt or self.untold or self._root is None or self._root.whole:
            return None
        first: list[str] = []
        point: Optional[Point] = self._root
        while point is not None and point.offered is not None:
            after = ((token, point.after.get(token)) for token in point.offered.tokens)
            token, point = next((token, then) for token, then in after if then is None or not then.whole)
            first.append(token)
        return Aim(first=tuple(first))

    def lost(self) -> None:
        """A run was played that could not tell its order or its end."""
        self.played += 1
        self.untold += 1

    def add(self, drawn: Drawn, end: End) -> None:
        """A run was played: from what it drew, and how it ended."""
        self.played += 1
        if end.escapes:
            self.doubt = f"it passes what replay does not control: {end.escapes[0]}"
        if self.doubt or self._points > MOST:
            return
        way: list[Point] = []
        point = self._root = self._root or Point()
        for offered, token in drawn:
            fresh = point.offered is None and point.end is None
            if fresh:
                point.offered = offered
                self.open += len(offered.tokens) - 1
                self._points += 1
            if point.offered != offered or (token not in point.after and token not in offered.tokens):
                self.doubt = "the same choices have led to different ones"
                return
            way.append(point)
            point = point.after.setdefault(token, Point())
        self._ended(point, end)
        for before in reversed(way):
            assert before.offered is not None
            before.whole = all(token in before.after and before.after[token].whole for token in before.offered.tokens)

    def _ended(self, point: Point, end: End) -> None:
        end = replace(end, duration_ms=0.0)  # no other field is another one in each run
        if point.offered is None and point.end is None:
            point.end, point.whole = end, True
            self.tried += 1
            self.open -= 1
        elif point.end == end:
            self._checked = True
        else:
            self.doubt = "the same choices have led to different ends"
