"""What is counted of many orders, and what the exit status makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.cli.explore import Explored
from dashboard.cli.explore import as_text
from dashboard.cli.run import Target
from dashboard.findings.tally import Counting
from dashboard.findings.tally import shared
from interlock.frame import End
from interlock.frame import InvariantOutcome
from interlock.orders import Orders
from interlock.strategy import Offer


def end(outcome: str, schedule: str, holds: bool | None = True) -> End:
    return End(outcome, outcome[:2], outcome, schedule, 9, (), (InvariantOutcome("adds up", holds),))


NOTHING = Orders()
OFFER = Offer(("c1", "c2"))


def explored(*ends: End, wanted: int | None = None, known: Orders = NOTHING) -> Explored:
    counting = Counting(known)
    for seed, one in enumerate(ends):
        counting.add(seed, one)
    return Explored(Target(Path("mine.py")), "s", wanted or len(ends), 300.0, 0, counting.tally())


def test_of_each_end_the_shortest_schedule_is_kept() -> None:
    tally = explored(
        end("ok", "il1:2=c1,3=c2"), end("error", "il1:"), end("ok", "il1:9=c2"), end("ok", "il1:9=c2")
    ).tally
    assert [(one.outcome, one.count, one.schedule, one.seed) for one in tally.groups] == [
        ("ok", 3, "il1:9=c2", 2),
        ("error", 1, "il1:", 1),
    ]
    assert (tally.tried, tally.distinct, tally.failed) == (4, 3, 1)


def test_a_rule_that_could_not_be_judged_is_not_counted_as_kept() -> None:
    (rule,) = explored(end("silent", "il1:", False), end("ok", "il1:"), end("ok", "il1:", None)).tally.rules
    assert (rule.judged, rule.broken) == (2, 1)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (explored(end("ok", "il1:")), 0),
        (explored(end("ok", "il1:"), end("silent", "il1:2=c1")), 1),
        (explored(end("ok", "il1:"), end("limit", "il1:2=c1")), 1),
        (explored(end("ok", "il1:"), wanted=2), 2),
        (explored(end("invalid", "il1:")), 2),
    ],
    ids=("all well", "one failed", "a bound is no pass", "cut short", "not run"),
)
def test_only_what_was_tried_to_the_end_and_ended_well_passes(found: Explored, status: int) -> None:
    assert found.status == status
    assert "no proof" in as_text(found) or status


def test_that_there_is_no_other_order_is_said_only_if_it_is_known() -> None:
    known = Orders()
    known.add([(OFFER, "c1")], end("ok", "il1:"))
    half = explored(end("ok", "il1:"), wanted=200, known=known)
    assert (half.status, "no other order" in as_text(half)) == (2, False)
    known.add([(OFFER, "c2")], end("ok", "il1:1=c2"))
    found = explored(end("ok", "il1:"), end("ok", "il1:"), end("ok", "il1:1=c2"), wanted=200, known=known)
    assert found.status == 0
    assert "every order there is was tried, 2 schedules" in as_text(found)
    assert "none of its 2 orders. There is no other order, but for" in as_text(found)


def test_two_schedules_are_one_run_up_to_the_step_before_they_differ() -> None:
    assert shared({2: "c1", 5: "c2"}, {2: "c1", 7: "c1"}) == 4
    assert shared({2: "c1"}, {2: "c2"}) == 1
    assert shared({2: "c1"}, {2: "c1"}) is None
