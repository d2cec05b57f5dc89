"""A crowd stays readable: those in which something happens are shown, and how many are not is said."""

from __future__ import annotations

from dataclasses import replace

from dashboard.gallery import crowd
from dashboard.presenters import backends
from dashboard.presenters import few
from dashboard.presenters.matrix import matrix
from dashboard.presenters.source import LETTERS
from dashboard.presenters.source import MARKERS
from dashboard.presenters.source import source
from dashboard.presenters.words import Names
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import SessionView

BEFORE, NOW = crowd.step(499).frame, crowd.step(500).frame
NAMES = Names.of(NOW)


def test_of_many_the_heaviest_in_their_order() -> None:
    assert few.few([3, 9, 1, 9, 5], 3, lambda one: one) == (9, 9, 5)
    assert few.few([3, 9, 1], 3, lambda one: one) == (3, 9, 1)
    assert few.few([3, 9, 1], 1, lambda one: one, every=True) == (3, 9, 1)
    assert few.hidden(task=1, connection=0) == "1 quieter task"
    assert few.hidden(task=276, connection=44) == "276 quieter tasks and 44 quieter connections"


def test_the_matrix_of_a_crowd_shows_who_moved_with_its_connection() -> None:
    shown = matrix(NOW, BEFORE, NAMES)
    assert (len(shown.rows), len(shown.columns)) == (few.TASKS, few.CONNECTIONS)
    assert shown.hidden == "276 quieter tasks and 44 quieter connections"
    (moved,) = (task for task in NOW.tasks if task.moved)
    row = next(row for row in shown.rows if row.id == moved.id)
    assert {cell.mark.tone for cell in row.cells} != {"none"}
    assert all(any(cell.mark.tone != "none" for cell in row.cells) for row in shown.rows[:3])
    assert [row.id for row in shown.rows] == sorted((row.id for row in shown.rows), key=lambda label: int(label[1:]))


def test_all_of_it_is_there_for_who_wants_it_and_says_the_same() -> None:
    every, some = matrix(NOW, BEFORE, NAMES, every=True), matrix(NOW, BEFORE, NAMES)
    assert (len(every.rows), len(every.columns), every.hidden) == (300, 60, "")
    at = {column.id: place for place, column in enumerate(every.columns)}
    rows = {row.id: row for row in every.rows}
    for row in some.rows:
        assert row.cells == tuple(rows[row.id].cells[at[column.id]] for column in some.columns)


def test_sessions_that_changed_come_before_those_that_rest() -> None:
    resting = tuple(SessionView(f"s{one}", "Session", alive=one > 90) for one in range(100))
    changed = tuple(replace(one, transaction="active") if one.id == "s7" else one for one in resting)
    shown = backends.sessions(Frame(0.0, sessions=changed), Frame(0.0, sessions=resting), NAMES)
    assert [one.id for one in shown.lines if one.changed] == ["s7"]
    assert shown.hidden == "76 quieter sessions"
    assert {f"s{one}" for one in range(91, 100)} <= {one.id for one in shown.lines}


def test_a_line_where_many_wait_names_a_few() -> None:
    here = Place("broken.py", 2, "work")
    frame = replace(NOW, tasks=tuple(replace(task, place=here, state="waiting") for task in NOW.tasks))
    (file,) = source({"broken.py": "a\nb\n"}, "broken.py", frame)
    (moved,) = (task.name for task in NOW.tasks if task.moved)
    assert moved in [one.name for one in file.lines[1].markers]
    shown = [one.name for one in file.lines[1].markers]
    assert 1 < len(shown) <= MARKERS
    assert sum(map(len, shown)) <= LETTERS  # longer names would cover the line that they stand at
    assert file.lines[1].more == 300 - len(shown)
