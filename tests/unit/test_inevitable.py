"""The search for the step after which every continuation fails, on programs small enough to know the answer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from dashboard.findings.inevitable import BATCH
from dashboard.findings.inevitable import PROBE
from dashboard.findings.inevitable import Found
from dashboard.findings.inevitable import Search
from interlock import schedule
from interlock.frame import End
from interlock.schedule import Schedule

STEPS = 20
FAILS = ("error", "bad")
Orders = dict[int, str]  # what is chosen at each step; `c1` comes by itself
Judge = Callable[[Orders], tuple[str, str]]


def end(orders: Orders, verdict: tuple[str, str]) -> End:
    deviations = {step: token for step, token in orders.items() if token != "c1"}
    return End(verdict[0], verdict[1], verdict[1], str(Schedule(deviations)), STEPS)


def search(plan: Orders, judge: Judge, *, wanted: int = 80, most: int = 5000, failed: int = STEPS) -> Found:
    """Search the run that chose as `plan` says, in a world with two choices at each step."""
    run = {step: plan.get(step, "c1") for step in range(1, STEPS + 1)}
    looking = Search(
        {step: token for step, token in run.items() if token != "c1"}, STEPS, failed, judge(run)[1], wanted
    )
    tried = 0
    while tried < most and (ask := looking.next()):
        for seed in ask.seeds:
            chance = random.Random(seed)
            orders = {step: token if step <= ask.follow else chance.choice(("c1", "c2")) for step, token in run.items()}
            looking.add(ask.follow, seed, end(orders, judge(orders)))
            tried += 1
    assert not looking.broken
    return looking.found()


def wrong_at(step: int) -> Judge:
    return lambda orders: FAILS if orders[step] == "c2" else ("ok", "fine")


@pytest.mark.parametrize("step", [1, 2, 11, STEPS - 1])
def test_the_step_of_the_wrong_choice_is_found_with_a_way_out_before_it(step: int) -> None:
    found = search({step: "c2"}, wrong_at(step))
    assert (found.step, found.last_out, found.settled, found.known) == (step, step - 1, True, True)
    assert found.failed >= 80
    assert found.schedules > 1
    assert 0 < found.away < found.drawn >= PROBE
    (way,) = found.ways_out
    assert way.after == step - 1
    assert schedule.parse(way.schedule).deviations.get(step) is None


def test_what_fails_in_every_order_was_inevitable_from_the_start() -> None:
    found = search({}, lambda orders: FAILS)
    assert (found.step, found.last_out, found.away, found.ways_out) == (0, -1, 0, ())
    assert found.settled
    assert found.known


def test_a_way_out_that_is_rare_sends_the_search_on() -> None:
    def rare(orders: Orders) -> tuple[str, str]:  # one in 2^8, until step 15 is done wrong
        return ("ok", "fine") if all(orders[step] == "c2" for step in range(8, 16)) else FAILS

    found = search(dict.fromkeys(range(8, 15), "c2"), rare, wanted=300)
    assert (found.step, found.last_out) == (15, 14)


def test_after_the_last_choice_there_is_nothing_else_to_try() -> None:
    found = search({STEPS: "c2"}, wrong_at(STEPS))
    assert (found.step, found.last_out, found.settled) == (STEPS, STEPS - 1, True)
    assert found.schedules == 1, "the run itself"


def test_nothing_is_looked_for_behind_the_step_that_raised() -> None:
    found = search({5: "c2"}, wrong_at(5), failed=5)
    assert (found.step, found.last_out, found.settled) == (5, 4, True)


def test_other_failures_count_as_failing_and_are_told_apart() -> None:
    def two_ways(orders: Orders) -> tuple[str, str]:
        if orders[4] == "c1":
            return "ok", "fine"
        return ("error", "bad") if orders[10] == "c2" else ("silent", "worse")

    found = search({4: "c2", 10: "c2"}, two_ways)
    assert found.step == 4
    assert 0 < found.alike < found.failed


def test_what_was_cut_short_says_between_which_steps_it_lies() -> None:
    found = search({11: "c2"}, wrong_at(11), most=1 + BATCH)
    assert not found.settled
    assert 9 <= found.last_out < 11
    assert found.step == STEPS
    assert not found.known
    nothing = search({11: "c2"}, wrong_at(11), most=1)
    assert (nothing.tried, nothing.known, nothing.settled) == (0, False, False)


def test_ends_that_tell_nothing_are_no_failures() -> None:
    found = search({11: "c2"}, lambda orders: ("limit", "long") if orders[19] == "c2" else wrong_at(11)(orders))
    assert (found.step, found.last_out) == (11, 10)
    assert found.void > 0


def test_a_run_that_cannot_be_made_again_is_not_searched() -> None:
    looking = Search({}, STEPS, STEPS, "bad", 80)
    ask = looking.next()
    assert ask
    assert ask.follow == STEPS
    looking.add(ask.follow, 0, End("diverged", "other", "at step 3 …", "il1:", 2))
    assert looking.next() is None
    assert "does not make the run again" in looking.broken
    assert not looking.found().settled


def test_continuations_that_never_end_are_given_up() -> None:
    looking = Search({}, STEPS, STEPS, "bad", 80)
    looking.add(STEPS, 0, End("error", "bad", "", "il1:", STEPS))
    tried = 0
    while ask := looking.next():
        for seed in ask.seeds:
            looking.add(ask.follow, seed, End("limit", "long", "a bound", "il1:", STEPS))
            tried += 1
    assert tried < 100
    assert "a bound" in looking.broken
