"""Following a schedule as far as it goes: what side by side starts on another stack."""

from __future__ import annotations

from interlock import schedule
from interlock.journal import digest
from tests.lab.conftest import PROGRAMS
from tests.lab.conftest import Play


def test_a_schedule_that_fits_is_followed_to_its_end(play: Play) -> None:
    asked = play(PROGRAMS / "for_update.py", mode="random", seed=5).end.schedule
    followed, replayed = (play(PROGRAMS / "for_update.py", mode=mode, schedule=asked) for mode in ("follow", "replay"))
    assert digest(followed.messages[1:]) == digest(replayed.messages[1:])
    assert (followed.end.schedule, followed.end.parted_at) == (asked, None)


def test_where_a_schedule_cannot_be_followed_is_said_and_the_run_goes_on(play: Play) -> None:
    default = play(PROGRAMS / "for_update.py").end
    parted = play(PROGRAMS / "for_update.py", mode="follow", schedule="il1:3=c9,4=c9")
    assert (parted.end.outcome, parted.end.signature) == (default.outcome, default.signature)
    assert parted.end.parted_at == 3
    assert "At step 3 the schedule asks for c9, which was not possible. Possible were: " in parted.end.detail
    (said,) = parted.said("parted")  # once: after it nothing of the schedule is asked for any more
    assert any(event.text == said for event in parted.steps[3].events)
    # What it did is a schedule of its own, and that one can be replayed.
    assert schedule.parse(parted.end.schedule).deviations == {}


def test_a_run_that_is_over_before_its_schedule_says_so(play: Play) -> None:
    end = play(PROGRAMS / "for_update.py", mode="follow", schedule="il1:900=c1").end
    assert end.outcome not in ("diverged", "stuck")
    assert end.parted_at == 900
    assert f"asks for c1 at step 900; the run was over at step {end.steps}" in end.detail


def test_a_run_that_gets_stuck_on_its_own_way_says_both(play: Play) -> None:
    end = play("stuck", mode="follow", schedule="il1:900=c1").end
    assert (end.outcome, end.parted_at) == ("stuck", 900)
    assert end.detail.startswith("Nothing can move any more")
    assert "asks for c1 at step 900" in end.detail
