"""How a stepped run moves on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.work import drive
from dashboard.work.drive import Drive
from dashboard.work.drive import Refused
from interlock.frame import Choice
from interlock.frame import Frame
from interlock.frame import Step
from interlock.frame import TaskView

C1 = Choice("c1", "reply", "deliver the reply on c1", default=True)
C2 = Choice("c2", "reply", "deliver the reply on c2")


def a_step(number: int, *choices: Choice, raised: bool = False) -> Step:
    task = TaskView("t1", "first", "error" if raised else "waiting", moved=True)
    return Step(number, Frame(0.0, tasks=(task,), choices=choices))


HELD = drive.arrived(Drive(), a_step(4, C1, C2))


def test_a_step_with_choices_is_held_for_a_person() -> None:
    assert (HELD.at, HELD.holds, HELD.status) == (4, True, "waiting")


def test_a_step_without_choices_waits_for_the_end_and_not_for_a_person() -> None:
    after = drive.arrived(HELD, a_step(5))
    assert (after.holds, after.status) == (False, "running")


def test_advancing_needs_the_step_that_was_seen() -> None:
    after, token = drive.advanced(HELD, {"token": "c2", "at": 4})
    assert (token, after.moving) == ("c2", True)
    with pytest.raises(Refused, match="has moved on to step 4 since you saw step 3"):
        drive.advanced(HELD, {"token": "c2", "at": 3})


def test_only_what_is_possible_can_be_chosen() -> None:
    with pytest.raises(Refused, match=r"'c9' cannot be done at step 4. What can: c1, c2"):
        drive.advanced(HELD, {"token": "c9", "at": 4})


def test_advancing_ends_playing() -> None:
    playing = drive.paced(HELD, "play", {"speed": 2})
    after, _ = drive.advanced(playing, {})
    assert (playing.pace, playing.status, after.pace, after.speed) == ("play", "running", "hold", None)


@pytest.mark.parametrize(
    ("asked", "speed"), [(2, 2.0), ("0.5", 0.5), (1e9, drive.FASTEST), (-1, drive.SLOWEST), ("nan", 1.0)]
)
def test_the_speed_is_kept_within_bounds(asked: object, speed: float) -> None:
    assert drive.paced(HELD, "play", {"speed": asked}).speed == speed


def test_a_speed_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="'fast' is no speed"):
        drive.paced(HELD, "play", {"speed": "fast"})


def test_the_way_to_the_failure_ends_there() -> None:
    on_the_way, _ = drive.gone_on(drive.paced(HELD, "finish", {}))
    assert drive.arrived(on_the_way, a_step(5, C1)).pace == "finish"
    assert drive.arrived(on_the_way, a_step(5, C1, raised=True)).holds


def test_playing_goes_on_through_a_failure() -> None:
    playing = drive.paced(HELD, "play", {"speed": 2})
    assert drive.arrived(playing, a_step(5, C1, raised=True)).pace == "play"


def test_going_on_follows_the_schedule() -> None:
    planned = replace(HELD, plan={5: "c2"})
    after, token = drive.gone_on(planned)
    assert (planned.next, token, after.plan) == ("c2", "c2", {5: "c2"})


def test_choosing_something_else_leaves_the_schedule() -> None:
    after, token = drive.advanced(replace(HELD, plan={5: "c2", 6: "c2"}), {"token": "c1", "at": 4})
    assert (token, after.plan) == ("c1", {})
    after, token = drive.advanced(replace(HELD, plan={9: "c2"}), {"token": "c1", "at": 4})
    assert after.plan == {9: "c2"}, "the default is what the schedule means at a step that it does not name"


def test_a_schedule_that_cannot_be_followed_leaves_the_choice_to_people() -> None:
    after = drive.arrived(replace(HELD, plan={6: "c7"}, pace="finish"), a_step(5, C1, C2))
    assert (after.holds, after.next) == (True, None)
