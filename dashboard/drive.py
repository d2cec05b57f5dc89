"""How a run moves on: pure functions from (where it stands, what is asked) to where it stands then.

A run is *held* until someone advances it, *played* at a speed, or on its way *to the failure*. Runs that are not
stepped (replays, random and natural ones) move by themselves and obey nothing but stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

    stepped: bool  # somebody decides what comes next
    pace: str = "hold"  # hold | play | finish
    speed: float | None = None  # steps a second, while played
    at: int = -1  # number of the last step
    choices: tuple[Choice, ...] = ()  # what may come next
    moving: bool = True  # its runner is at work: what comes next is not known yet

    @property
    def holds(self) -> bool:
        """It waits for a person."""
        return self.stepped and not self.moving and self.pace == "hold"

    @property
    def status(self) -> str:
        return "waiting" if self.holds else "running"


def arrived(drive: Drive, step: Step) -> Drive:
    """A step is there. A failure ends the way to it, and nothing else does."""
    pace = "hold" if drive.pace == "finish" and failed(step) else drive.pace
    return replace(drive, pace=pace, at=step.number, choices=step.frame.choices, moving=not step.frame.choices)


def moved(drive: Drive) -> Drive:
    """The runner was told to go on."""
    return replace(drive, moving=True)


def paced(drive: Drive, kind: str, payload: Mapping[str, Any]) -> Drive:
    """Obey `play`, `pause` or `finish`."""
    _check_stepped(drive)
    if kind == "play":
        return replace(drive, pace="play", speed=_speed(payload.get("speed")))
    return replace(drive, pace="finish" if kind == "finish" else "hold", speed=None)


def chosen(drive: Drive, payload: Mapping[str, Any]) -> str | None:
    """What `advance` asks to be carried out: a token, or None for the default. Raises `Refused`."""
    _check_stepped(drive)
    token, at = payload.get("token"), payload.get("at")
    if at is not None and at != drive.at:
        raise Refused(
            f"The run has moved on to step {drive.at} since you saw step {at}: somebody else is driving too, or it was "
            "being played. Nothing was done; look at the new step and choose again."
        )
    if token is None or any(choice.token == token for choice in drive.choices):
        return token
    possible = ", ".join(choice.token for choice in drive.choices)
    raise Refused(f"{str(token)[:40]!r} cannot be done at step {drive.at}. What can: {possible}.")


def _check_stepped(drive: Drive) -> None:
    if not drive.stepped:
        raise Refused("This run is not stepped by hand: it goes by itself, as its schedule or its seed says.")


def _speed(asked: object) -> float:
    try:
        speed = float(str(asked))
    except ValueError:
        raise Refused(f"{str(asked)[:40]!r} is no speed. Give the number of steps a second.") from None
    return min(max(speed, SLOWEST), FASTEST) if speed == speed else 1.0  # NaN is not equal to itself


def deviation(step: Step) -> tuple[int, str] | None:
    """What a step adds to the schedule of its run: nothing, where the default was carried out."""
    if step.choice is None or step.choice.default:
        return None
    return step.number, step.choice.token
