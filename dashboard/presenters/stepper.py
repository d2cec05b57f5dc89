"""Where we are in a run, and where one can go from there."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.findings.why.turn import Turn
from dashboard.store.records import RunRecord


@dataclass(frozen=True)
class Stepper:
    """Where we are in the run. A target that is None cannot be gone to; at the end of a live run going on is a POST."""

    number: int
    last: int
    live: bool  # the step shown is the last one of a run that can still go on
    waiting: bool  # and it waits for a person to choose
    playing: bool  # and goes on by itself
    speed: float
    first: int | None
    back: int | None
    next: int | None
    end: int | None
    failure: int | None
    failed_at: int | None
    turn: Turn | None = None  # where it became inevitable, else the first illegal sharing, once it is known

    @property
    def position(self) -> str:
        return f"step {self.number} of {self.last}"


def stepper_of(run: RunRecord, number: int, proven: int | None = None) -> Stepper:
    """`proven`: where the failure showed that a proof explains. What raised first may be an error that was expected."""
    last = max(run.steps, 0)
    behind = number < last
    live = not run.over and not behind
    failed_at = run.failed_at if proven is None else proven
    failure = failed_at if failed_at is not None else (last if run.over else None)
    return Stepper(
        number=number,
        last=last,
        live=live,
        waiting=live and run.status == "waiting",
        playing=run.status == "running",
        speed=run.speed or 1.0,
        first=0 if number > 0 else None,
        back=number - 1 if number > 0 else None,
        next=number + 1 if behind else None,
        end=last if behind else None,
        failure=failure if failure != number else None,
        failed_at=failed_at,
    )
