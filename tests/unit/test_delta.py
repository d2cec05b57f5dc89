"""A run told by what changes: every step comes out as it went in, and little is told of what stays."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from interlock import delta
from interlock import journal
from interlock.frame import ActivityRow
from interlock.frame import ConnectionView
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Step
from interlock.frame import TaskView

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))

LABELS = st.sampled_from(["1", "2", "3", "4"])  # few, so that frames share them
VIEWS = {
    "tasks": st.builds(TaskView, LABELS),
    "connections": st.builds(ConnectionView, LABELS),
    "activity": st.builds(ActivityRow, LABELS),
}
ALIKE = st.builds(Frame, **{name: st.lists(view, max_size=5).map(tuple) for name, view in VIEWS.items()})
FRAMES = st.one_of(ALIKE, st.from_type(Frame))


def as_read(value: object) -> object:
    """What has been text in between."""
    return json.loads(json.dumps(value))


@settings(max_examples=200)
@given(FRAMES, FRAMES)
def test_a_frame_becomes_the_other(before: Frame, after: Frame) -> None:
    changes = as_read(delta.changes(before, after))
    assert isinstance(changes, dict)
    assert delta.changed(before, changes) == after


@settings(max_examples=60)
@given(st.lists(st.builds(Step, st.just(0), FRAMES), min_size=1, max_size=8), st.integers(0, 2 * delta.EVERY))
def test_a_journal_is_read_back_as_written(steps: list[Step], first: int) -> None:
    told = [replace(step, number=first + place) for place, step in enumerate(steps)]
    writer, reader = delta.Writer(), delta.Reader()
    assert [reader.load(writer.dump(step)) for step in told] == told


def crowd(number: int, moved: int) -> Step:
    tasks = tuple(TaskView(f"t{one}", f"task {one}", "waiting", moved=one == moved) for one in range(300))
    rows = tuple(ActivityRow(f"c{one}", "active", pid=one, xact_age_ms=number / 2) for one in range(60))
    return Step(number, Frame(0.0, tasks, activity=rows))


def test_little_is_told_of_what_stays() -> None:
    writer = delta.Writer()
    lines = [writer.dump(crowd(number, number % 7)) for number in range(2 * delta.EVERY)]
    whole = {number for number, line in enumerate(lines) if '"frame"' in line}
    assert whole == {0, delta.EVERY}
    assert max(len(line) for number, line in enumerate(lines) if number not in whole) < len(lines[0]) / 8


def test_what_stays_is_the_same_object() -> None:
    before = crowd(1, 5).frame
    after = delta.changed(before, delta.changes(before, crowd(2, 6).frame))
    same = [one is other for one, other in zip(before.tasks, after.tasks, strict=True)]
    assert same.count(False) == 2


def test_a_journal_of_the_first_format_is_read() -> None:
    """There every step is whole."""
    header = Header(1, "p.py", "replay", "il1:", None, {}, ())
    told = [header, *(crowd(number, 3) for number in range(4))]
    reader = delta.Reader()
    assert [reader.load(journal.dump(message)) for message in told] == told
    assert f'"format":{journal.FORMAT}' in delta.Writer().dump(header)


@pytest.mark.parametrize(
    "tasks",
    [
        [[0, 2]],  # there is one task only
        [[-1, 1]],
        [[0, 1], [0, 1]],  # doubled with every step it would fill the memory
        [[1, 0], [0, 1], [0, 1]],
        [[0]],
        [[0, {"place": 1}]],
        [{"name": "nobody"}],
        7,
    ],
)
def test_changes_that_do_not_fit_are_refused(tasks: object) -> None:
    reader = delta.Reader()
    reader.load(journal.dump(Step(0, Frame(0.0, (TaskView("t1", "one", "waiting"),)))))
    with pytest.raises(journal.JournalError, match="Not a line of a journal"):
        reader.load(json.dumps({"step": {"number": 1, "changes": {"tasks": tasks}}}))


def test_what_changed_needs_the_step_before() -> None:
    with pytest.raises(journal.JournalError, match="the step before it is missing"):
        delta.Reader().load('{"step":{"number":7,"changes":{}}}')
