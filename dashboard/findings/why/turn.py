"""Where a run took the turn: the first step after which two tasks shared what only one may have at a time.

Without an exploration nobody knows that every continuation fails from there (`presenters.exploration.turn_of` says so
once there is one); what the steps do show is the first illegal sharing: several tasks inside one session's call at
once, or a connection whose session no longer knows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.findings.why.history import History


@dataclass(frozen=True)
class Turn:
    """A step, and what began in it."""

    step: int
    kind: str  # sharing | orphan | inevitable
    text: str

    @property
    def name(self) -> str:
        return self.kind if self.kind == "inevitable" else f"first {self.kind}"

    @property
    def title(self) -> str:
        return self.name.capitalize()

    @property
    def meaning(self) -> str:
        if self.kind == "inevitable":
            return "the step where the failure became inevitable, as far as was tried"
        return f"the {self.name} seen in this run"


def turn(history: History) -> Turn | None:
    """The first sharing or orphan of a run; None if there was neither."""
    found = [
        Turn(step, "sharing", f"{_and(history.all(tasks))} are inside a call of session {session} at once")
        for session, (step, tasks) in history.shared.items()
    ]
    found += [Turn(fact.step, "orphan", fact.event.text) for fact in history.told("orphan")]
    return min(found, key=lambda one: one.step, default=None)


def _and(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
