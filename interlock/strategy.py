"""Who decides what happens next: a schedule, chance, or a person. One function each, from what is possible to a
choice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from interlock.frame import Choice
from interlock.schedule import Schedule

OUTAGE = 10.0  # seconds
CATCH_UP = 0.1  # how often chance lets the replica overtake replies and requests: often enough, and late enough

STILL = "nothing could move any more"

Decide = Callable[[int, Sequence[Choice]], str]  # (number of the step to come, what is possible) -> token


def default(choices: Sequence[Choice]) -> str:
    """The token of what would have happened anyway."""
    return next(choice.token for choice in choices if choice.default)


def replaying(schedule: Schedule, otherwise: Optional[Decide] = None, until: Optional[int] = None) -> Decide:
    """Follow a schedule. After step `until` (None: never) `otherwise` decides."""

    def decide(step: int, choices: Sequence[Choice]) -> str:
        if until is not None and step > until and otherwise is not None:
            return otherwise(step, choices)
        return schedule.deviations.get(step) or default(choices)

    return decide


def overtaking(delay: float) -> float:
    """How often chance lets a timer overtake replies that are already there, and requests.

    3 in 10 for a tenth of a second and less, 3 in 100 for a second, never for more than `OUTAGE`: a network that keeps
    a reply back that long is no other interleaving but an outage, and every program would show its connect timeout.
    A person and a schedule may choose it all the same.
    """
    if delay > OUTAGE:
        return 0.0
    return min(0.3, 0.03 / delay) if delay > 0 else 0.3


@dataclass(frozen=True)
class Offer:
    """What chance draws from at a step."""

    prompt: tuple[str, ...]  # replies and requests: one is as likely as another
    replica: str = ""  # the token of each of these two, if it is possible
    timer: str = ""
    delay: float = 0.0

    @property
    def tokens(self) -> tuple[str, ...]:
        """Whatever chance may draw from it."""
        timer = self.timer and (overtaking(self.delay) or not (self.prompt or self.replica))
        return (*self.prompt, *([self.replica] if self.replica else ()), *([self.timer] if timer else ()))


def offer(choices: Sequence[Choice]) -> Offer:
    """What chance draws from if this is possible."""
    prompt = tuple(choice.token for choice in choices if choice.kind in ("reply", "request"))
    timer = next((choice for choice in choices if choice.kind == "timer"), None)
    replica = next((choice.token for choice in choices if choice.kind == "replica"), "")
    return Offer(prompt, replica, timer.token if timer else "", (timer.delay or 0.0) if timer else 0.0)


def draw(chance: random.Random, offered: Offer) -> str:
    """One of the tokens that are offered. The same state of chance and the same offer make the same draw."""
    if offered.replica and offered.prompt and chance.random() < CATCH_UP:
        return offered.replica
    prompt = offered.prompt or ((offered.replica,) if offered.replica else ())
    if offered.timer and (not prompt or chance.random() < overtaking(offered.delay)):
        return offered.timer
    return chance.choice(prompt)


def seeded(seed: int, first: Sequence[str] = (), drew: Callable[[Offer, str], None] = lambda *drawn: None) -> Decide:
    """Choose by chance, the same way each time for the same seed; the `first` are given. `drew` hears of all."""
    chance, given = random.Random(seed), iter(first)

    def decide(step: int, choices: Sequence[Choice]) -> str:
        offered = offer(choices)
        token = next(given, "") or draw(chance, offered)
        drew(offered, token)
        return token

    return decide


def divergence(step: int, asked: str, choices: Sequence[Choice], nothing: str = STILL) -> str:
    """What to tell when a schedule asks for the impossible; `nothing`: why there is no choice at all."""
    possible = ", ".join(f"{choice.token} ({choice.text})" for choice in choices) or f"nothing: {nothing}"
    return (
        f"At step {step} the schedule asks for {asked}, which was not possible. Possible were: {possible}. "
        "The schedule belongs to another program, stack or version of them."
    )
