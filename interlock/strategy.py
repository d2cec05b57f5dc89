"""Who decides what happens next: a schedule, chance, or a person. One function each, from what is possible to a choice."""

from __future__ import annotations

import random
from collections.abc import Callable
from collections.abc import Sequence
from typing import Optional

from interlock.frame import Choice
from interlock.schedule import Schedule

TIMER_WEIGHT = 0.05
"""How often chance lets a timer overtake replies that are already there: a 60 s timeout beating a reply is possible, but
a run in which every second choice is such a timeout shows nothing else."""

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


def seeded(seed: int) -> Decide:
    """Choose by chance, the same way each time for the same seed."""
    chance = random.Random(seed)

    def decide(step: int, choices: Sequence[Choice]) -> str:
        replies = [choice.token for choice in choices if choice.kind == "reply"]
        timers = [choice.token for choice in choices if choice.kind == "timer"]
        if timers and (not replies or chance.random() < TIMER_WEIGHT):
            return timers[0]
        return chance.choice(replies)

    return decide


def divergence(step: int, asked: str, choices: Sequence[Choice]) -> str:
    """What to tell when a schedule asks for the impossible."""
    possible = ", ".join(f"{choice.token} ({choice.text})" for choice in choices) or "nothing: the run had ended"
    return (
        f"At step {step} the schedule asks for {asked}, which was not possible. Possible were: {possible}. "
        "The schedule belongs to another program, stack or version of them."
    )
