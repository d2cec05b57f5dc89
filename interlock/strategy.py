"""Who decides what happens next: a schedule, chance, or a person. One function each, from what is possible to a
choice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Sequence
from typing import Optional

from interlock.frame import Choice
from interlock.schedule import Schedule

OUTAGE = 10.0  # seconds
CATCH_UP = 0.1  # how often chance lets the replica overtake replies and requests: often enough, and late enough

STILL = "nothing could move any more"

Decide = Callable[[int, Sequence[Choice]], str]  # (number of the step to come, what is possible) -> token


class Diverged(Exception):
    """A replay cannot follow its schedule: the program, the stack or the schedule is another one."""


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


def seeded(seed: int) -> Decide:
    """Choose by chance, the same way each time for the same seed."""
    chance = random.Random(seed)

    def decide(step: int, choices: Sequence[Choice]) -> str:
        alike = [choice.token for choice in choices if choice.kind in ("reply", "request")]
        timer = next((choice for choice in choices if choice.kind == "timer"), None)
        replica = [choice.token for choice in choices if choice.kind == "replica"]
        if replica and alike and chance.random() < CATCH_UP:
            return replica[0]
        prompt = alike or replica
        if timer is not None and (not prompt or chance.random() < overtaking(timer.delay or 0.0)):
            return timer.token
        return chance.choice(prompt)

    return decide


def divergence(step: int, asked: str, choices: Sequence[Choice], nothing: str = STILL) -> str:
    """What to tell when a schedule asks for the impossible; `nothing`: why there is no choice at all."""
    possible = ", ".join(f"{choice.token} ({choice.text})" for choice in choices) or f"nothing: {nothing}"
    return (
        f"At step {step} the schedule asks for {asked}, which was not possible. Possible were: {possible}. "
        "The schedule belongs to another program, stack or version of them."
    )
