"""The whole run in little: what of it is kept, and where it is drawn."""

from __future__ import annotations

from dashboard.findings.why.turn import Turn
from dashboard.gallery import sample
from dashboard.presenters.overview import PARTS
from dashboard.presenters.overview import strip
from dashboard.runs import overview
from dashboard.runs.overview import COLUMNS
from dashboard.runs.overview import Glance
from dashboard.runs.overview import Overview
from dashboard.runs.overview import Stroke


def quiet(count: int) -> Overview:
    """Two tasks take turns, on two connections."""
    return Overview(tuple(Glance((f"t{one % 2}",), f"c{one % 2}", False, False) for one in range(count)))


def test_neighbours_are_one_stroke_and_lanes_keep_their_order() -> None:
    ran = [("t2",), ("t2",), ("t10", "t2"), (), ("t10",)]
    seen = Overview(tuple(Glance(woke, None, False, False) for woke in ran))
    assert (seen.tasks.rows, seen.tasks.strokes) == (2, (Stroke(0, 0, 3), Stroke(1, 2, 1), Stroke(1, 4, 1)))
    assert seen.connections.rows == 0


def test_many_lanes_and_steps_share_rows_and_columns() -> None:
    seen = Overview(tuple(Glance((f"t{one % 300}",), f"c{one % 60}", False, False) for one in range(5000)))
    assert (seen.columns, seen.tasks.rows, seen.connections.rows) == (COLUMNS, 8, 6)
    assert all(one.column + one.length <= COLUMNS for one in (*seen.tasks.strokes, *seen.connections.strokes))


def test_the_parts_hold_every_step_once_and_lead_to_what_matters_in_them() -> None:
    for count in (1, PARTS, PARTS + 1, 1000):
        parts = strip(quiet(count), at=count - 1, shown=(0, 0)).parts
        assert [one for part in parts for one in range(part.first, part.last + 1)] == list(range(count))
        assert [part.current for part in parts].index(True) == len(parts) - 1
    seen = Overview((*quiet(900).steps, Glance(("t1",), None, True, False), *quiet(99).steps), orphaned=(880, 881, 950))
    shown = strip(seen, at=3, shown=(0, 119), noted=frozenset({885}), turn=Turn(4, "sharing", "two tasks in s1"))
    told = {part.to: part.holds for part in shown.parts if part.holds}
    assert told == {
        4: ("first sharing: step 4",),
        880: ("an orphan began: step 880 and 1 more step", "a note: step 885"),
        900: ("a task raised: step 900",),
        950: ("an orphan began: step 950",),
    }
    assert (shown.begin, shown.width) == (0.0, 12.0)


def test_signs_that_would_lie_on_each_other_give_way_to_the_louder_one() -> None:
    seen = Overview((*quiet(999).steps, Glance((), None, True, False)), orphaned=(998, 500))
    ticks = {(one.kind, one.x): one.sign for one in strip(seen, at=0, shown=(0, 9)).ticks}
    assert list(ticks.values()).count("⚠") == 1
    assert {sign for (kind, x), sign in ticks.items() if x > 99 and sign} == {"✕"}


def test_steps_at_hand_are_seen_as_those_of_the_store() -> None:
    seen = overview.of(sample.STEPS)
    assert seen.failed == (2,)
    assert seen.orphaned == (2,)
    assert [one.connection for one in seen.steps] == [None, "c1", "c2"]
