"""The timeline: folded from hand-made steps and from a recorded run, and laid out."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.findings.timeline import WINDOW
from dashboard.findings.timeline import Arrow
from dashboard.findings.timeline import Mark
from dashboard.findings.timeline import Timeline
from dashboard.findings.timeline import fold
from dashboard.findings.timeline import follow
from dashboard.findings.timeline import window
from dashboard.gallery import crowd
from dashboard.gallery import sample
from dashboard.presenters.timeline import CONNECTIONS
from dashboard.presenters.timeline import TASKS
from dashboard.presenters.timeline import chart
from dashboard.presenters.words import Names
from interlock.frame import ConnectionView
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Step
from interlock.frame import TaskView
from interlock.journal import load

RECORDED = Path(__file__).parent / "journals" / "deadlock.jsonl"
"""Written by `interlock run tests/lab/programs/deadlock.py --journal`."""


def step(number: int, task: str = "", *connections: ConnectionView, delivered: str = "", **more: object) -> Step:
    """A step in which the task ran, and then waits for a reply."""
    tasks = tuple(TaskView(one, one, "waiting", waits="a reply", moved=one == task) for one in ("t1", "t2"))
    events = (Event("reply", "", task, delivered),) if delivered else ()
    frame = Frame(0.0, more.pop("tasks", tasks), (), connections)  # type: ignore[arg-type]
    return Step(number, frame, woke=(task,), events=events, text=f"step {number}", **more)  # type: ignore[arg-type]


def spans(timeline: Timeline, lane: str, kind: str) -> list[tuple[int, int | None, str]]:
    return [(one.first, one.last, one.text) for one in timeline.lanes[lane].spans if one.kind == kind]


def test_a_statement_lasts_from_sent_to_delivered_and_a_transaction_while_it_is_open() -> None:
    line = fold(
        [
            step(0, "t1", ConnectionView("c1", "held", "open", command="BEGIN")),
            step(1, "t1", ConnectionView("c1", "held", "open", command="SELECT"), delivered="c1"),
            step(2, "t2", ConnectionView("c1", "held", "open", command="SELECT")),
            step(3, "t1", ConnectionView("c1", "held", "idle", command="COMMIT"), delivered="c1"),
            step(4, "t1", ConnectionView("c1", "idle", "idle", command="COMMIT"), delivered="c1"),
        ]
    )
    assert spans(line, "c1", "statement") == [(0, 1, "BEGIN"), (1, 3, "SELECT"), (3, 4, "COMMIT")]
    assert spans(line, "c1", "open") == [(0, 3, "")]
    assert spans(line, "t1", "wait") == [(0, 1, "a reply"), (1, 3, "a reply"), (3, 4, "a reply"), (4, None, "a reply")]
    assert line.arrows == (Arrow(1, "c1", "t1"), Arrow(3, "c1", "t1"), Arrow(4, "c1", "t1"))


def test_a_wait_for_a_lock_names_its_holder_and_ends_with_it() -> None:
    line = fold(
        [
            step(0, "t1", ConnectionView("c1", "blocked", "open", command="UPDATE", blocked_by=("c2",))),
            step(1, "t1", ConnectionView("c1", "blocked", "open", command="UPDATE", blocked_by=("c3",))),
            step(2, "t1", ConnectionView("c1", "held", "open", command="UPDATE")),
        ]
    )
    locks = [(one.first, one.last, one.holders) for one in line.lanes["c1"].spans if one.kind == "lock"]
    assert locks == [(0, 1, ("c2",)), (1, 2, ("c3",))]
    assert spans(line, "c1", "statement") == [(0, None, "UPDATE")]


def test_an_orphan_has_its_moment_and_lasts_until_it_is_closed() -> None:
    orphan = ConnectionView("c1", "idle", "open", orphan=True, why_orphan="s1 is gone")
    line = fold([step(0, "t1", ConnectionView("c1", "idle")), step(1, "t1", orphan), step(2, "t1", orphan)])
    assert line.lanes["c1"].marks == (Mark(1, "orphan", "s1 is gone"),)
    assert spans(line, "c1", "orphan") == [(1, None, "s1 is gone")]
    closed = follow(line, step(3, "t1", ConnectionView("c1", "closed", "open")))
    assert spans(closed, "c1", "orphan") == [(1, 3, "s1 is gone")]
    assert spans(closed, "c1", "open") == [(1, 3, "")]
    assert follow(closed, step(4, "t1", ConnectionView("c1", "closed"))).lanes["c1"].last == 3


def test_the_failure_of_the_made_up_run() -> None:
    line = fold(sample.STEPS)
    assert [beat.failed for beat in line.beats] == [False, False, True]
    assert line.lanes["t3"].marks[-1].kind == "error"
    assert line.lanes["c1"].marks[-1].kind == "orphan"
    assert line.lanes["c2"].last == 2


def test_a_run_is_folded_as_well_piece_by_piece() -> None:
    steps = [message for message in map(load, RECORDED.read_text().splitlines()) if isinstance(message, Step)]
    whole = fold(steps)
    grown = fold(steps[:5])
    for one in steps[5:]:
        grown = follow(grown, one)
    assert grown == whole
    later = fold(steps[5:])
    assert (later.first, later.last) == (5, whole.last)
    assert later.lanes.keys() == whole.lanes.keys()


def test_a_recorded_deadlock() -> None:
    steps = [message for message in map(load, RECORDED.read_text().splitlines()) if isinstance(message, Step)]
    line = fold(steps)
    held = {(lane.id, holder) for lane in line.lanes.values() for span in lane.spans for holder in span.holders}
    assert ("c1", "c2") in held or ("c2", "c1") in held
    shown = chart(line, Names.of(steps[-1].frame), at=steps[-1].number, last=steps[-1].number)
    assert shown is not None
    assert any(link.kind == "lock" for link in shown.links)
    assert any("waits for a lock that" in fact for one in shown.lines for fact in one.facts)
    assert [one.number for one in shown.steps] == [one.number for one in shown.lines] == [one.number for one in steps]
    places = {(dot.x, dot.y) for dot in shown.dots}
    assert all(0 <= x <= shown.width and 0 <= y <= shown.height for x, y in places)


@pytest.mark.parametrize(
    ("at", "last", "shown"),
    [
        (0, 0, (0, 0)),
        (30, 100, (0, 100)),
        (100, WINDOW - 1, (0, WINDOW - 1)),
        (100, 5000, (30, 149)),
        (119, 5000, (30, 149)),
        (120, 5000, (90, 209)),
        (5000, 5000, (4881, 5000)),
    ],
)
def test_a_long_run_is_shown_around_the_step_that_is_looked_at(at: int, last: int, shown: tuple[int, int]) -> None:
    first, final = window(at, last)
    assert (first, final) == shown
    assert first <= at <= final


def test_every_step_lies_in_its_window() -> None:
    for last in (0, 1, 119, 120, 121, 200, 999):
        for at in range(last + 1):
            first, final = window(at, last)
            assert 0 <= first <= at <= final <= last
            assert final - first < WINDOW


def test_many_lanes_are_narrowed_down_to_those_where_something_happens() -> None:
    line = fold(map(crowd.step, range(440, 520)))
    names = Names.of(crowd.step(500).frame)
    shown = chart(line, names, at=500, last=899)
    assert shown is not None
    assert shown.hidden == "276 quieter tasks and 44 quieter connections"
    assert len(shown.names) == TASKS + CONNECTIONS
    assert {"worker 141", "5021"} <= {one.name for one in shown.names}  # who moved in the step that is shown
    assert (shown.earlier, shown.later) == (439, 520)
    every = chart(line, names, at=500, last=899, every=True)
    assert every is not None
    assert (len(every.names), every.hidden) == (360, "")


def test_no_step_no_drawing() -> None:
    assert chart(Timeline(), Names(), at=0, last=0) is None
