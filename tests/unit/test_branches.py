"""Which schedule a branch follows, and the tree of them."""

from __future__ import annotations

from dataclasses import replace

from dashboard.gallery import sample
from dashboard.presenters.branches import DEEPEST
from dashboard.presenters.branches import tree
from dashboard.runs import branches
from dashboard.store import RunRow
from dashboard.work import drive
from dashboard.work.drive import Drive
from interlock import schedule
from interlock.frame import Choice
from interlock.frame import Frame
from interlock.frame import Step

C1 = Choice("c1", "reply", "deliver the reply on c1", default=True)
DROP = Choice("d:c1", "drop", "drop the connection c1", offered=False)


def test_a_branch_keeps_what_its_parent_chose_up_to_there() -> None:
    parent = schedule.parse("il1:3=t,7=c3,8=c2,12=t")
    assert str(branches.leaving(parent, 7, "d:c1")) == "il1:3=t,7=c3,8=d:c1"
    assert str(branches.leaving(parent, 0, "c1")) == "il1:1=c1"  # the default too: it is what was chosen


def test_what_was_followed_is_told_by_the_end_or_else_by_the_steps() -> None:
    assert str(branches.followed(sample.END, ())) == sample.END.schedule
    steps = [Step(number, Frame(0.0), choice) for number, choice in enumerate((None, C1, DROP))]
    assert str(branches.followed(None, steps)) == "il1:2=d:c1"


def test_a_branch_asks_nobody_on_its_way() -> None:
    driven = Drive(plan={2: "d:c1"}, follow=2)
    for number, moving in ((0, True), (1, True), (2, False)):
        driven = drive.arrived(driven, Step(number, Frame(0.0, choices=(C1, DROP))))
        assert (driven.moving, driven.holds) == (moving, not moving)
    assert driven.next is None


def member(number: int, parent: int | None) -> RunRow:
    return replace(sample.RUN, id=number, parent=parent, branch=parent, title=f"run {number}" if parent else "")


def test_the_tree_shows_each_run_under_its_parent() -> None:
    assert tree([member(1, None)], 1) == ()
    lines = tree([member(1, None), member(5, 2), member(4, 1), member(3, 2), member(2, 1)], 3)
    assert [(line.id, line.depth) for line in lines] == [(1, 0), (2, 1), (3, 2), (5, 2), (4, 1)]
    assert [line.id for line in lines if line.here] == [3]


def test_a_tree_may_be_deep_or_have_gaps() -> None:
    chain = [member(1, None), *(member(number, number - 1) for number in range(2, 1500))]
    assert max(line.depth for line in tree(chain, 1)) == DEEPEST
    assert [line.id for line in tree([member(1, None), member(9, 8)], 9)] == [1, 9]
    assert [line.id for line in tree([member(8, None), member(9, 8), member(7, None)], 9)] == [8, 7, 9]
