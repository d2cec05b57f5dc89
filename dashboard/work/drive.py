"""How a stepped run moves on: pure functions from (where it stands, what is asked) to where it stands then.

Such a run is *held* until someone advances it, *played* at a speed, or on its way *to the failure*. Going on means what
its schedule says at that step, else what would happen anyway. Whoever chooses something else has left the schedule.
A branch first follows its schedule to where it leaves its parent, and asks nobody on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from dashboard.store import failed
from interlock.frame import Choice
from interlock.frame import Step

SLOWEST, FASTEST = 0.1, 50.0  # steps a second


class Refused(Exception):
    """A command cannot be carried out as things stand; the message says why."""


@dataclass(frozen=True)
class Drive:
    """Where a run stands between the people who watch it and its runner."""

    plan: Mapping[int, str] = field(default_factory=dict)  # what its schedule says, by step
    follow: int = 0  # up to this step the runner follows the schedule without asking anybody
    pace: str = "hold"  # hold | play | finish
    speed: float | None = None  # steps a second, while played
    at: int = -1  # number of the last step
    choices: tuple[Choice, ...] = ()  # what may come next
    moving: bool = True  # its runner is at work: what may come next is not known yet

    @property
    def holds(self) -> bool:
        """It waits for a person."""
        return not self.moving and self.pace == "hold"

    @property
    def next(self) -> str | None:
        """What going on carries out: a token, or None for the default."""
        return self.plan.get(self.at + 1)

    @property
    def status(self) -> str:
        return "waiting" if self.holds else "running"


def arrived(drive: Drive, step: Step) -> Drive:
    """A step has arrived. Pauses where the run was to be finished up to a failure, and this step has one; and where its
    schedule asks for what is not possible: then people choose.
    """
    moving = not step.frame.choices or step.number < drive.follow
    after = replace(drive, at=step.number, choices=step.frame.choices, moving=moving)
    if drive.pace == "finish" and failed(step):
        after = replace(after, pace="hold")
    if after.next is not None and after.choices and not _possible(after, after.next):
        after = replace(after, pace="hold", speed=None, plan={})
    return after


def paced(drive: Drive, kind: str, payload: Mapping[str, Any]) -> Drive:
    """Obey `play`, `pause` or `finish`."""
    if kind == "play":
        return replace(drive, pace="play", speed=_speed(payload.get("speed", 1)))
    return replace(drive, pace="finish" if kind == "finish" else "hold", speed=None)


def advanced(drive: Drive, payload: Mapping[str, Any]) -> tuple[Drive, str | None]:
    """Obey `advance`: where the run then is, and what the runner is to carry out. Raises `Refused`."""
    token, seen = payload.get("token"), payload.get("at")
    if seen is not None and seen != drive.at:
        raise Refused(
            f"The run has moved on to step {drive.at} since you saw step {seen}: somebody else is driving too, or it "
            "was being played. Nothing was done; look at the new step and choose again."
        )
    if token is not None and not _possible(drive, token):
        possible = ", ".join(choice.token for choice in drive.choices)
        raise Refused(f"{str(token)[:40]!r} cannot be done at step {drive.at}. What can: {possible}.")
    return gone_on(replace(drive, pace="hold", speed=None), token)


def gone_on(drive: Drive, token: str | None = None) -> tuple[Drive, str | None]:
    """Go on with this choice, or as the schedule says: where the run then is, and what the runner is to carry out."""
    token = token or drive.next
    default = next((choice.token for choice in drive.choices if choice.default), None)
    on_plan = (token or default) == (drive.next or default)
    return replace(drive, moving=True, plan=drive.plan if on_plan else {}), token


def _possible(drive: Drive, token: object) -> bool:
    return any(choice.token == token for choice in drive.choices)


def _speed(asked: object) -> float:
    try:
        speed = float(str(asked))
    except ValueError:
        raise Refused(f"{str(asked)[:40]!r} is no speed. Give the number of steps a second.") from None
    return min(max(speed, SLOWEST), FASTEST) if speed == speed else 1.0  # NaN is not equal to itself
