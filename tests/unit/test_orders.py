"""The tree of known orders: what it answers is what a run would say, and it is whole when nothing is left to try."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import strategy
from interlock.frame import Choice
from interlock.frame import End
from interlock.orders import Aim
from interlock.orders import Orders
from interlock.strategy import Offer

Drawn = list[tuple[Offer, str]]
World = dict[str, "World"]
"""What may come, and what then; nothing: it is over."""

tokens = st.sampled_from(["c1", "c2", "c3", "r1", "w", "t", "t60"])
worlds = st.recursive(st.just({}), lambda inner: st.dictionaries(tokens, inner, max_size=3), max_leaves=12)
KINDS = {"c": "reply", "r": "request", "w": "replica", "t": "timer"}


def choices(world: World) -> list[Choice]:
    found = [Choice(name, KINDS[name[0]], "", delay=60.0 if name == "t60" else 0.1) for name in sorted(world)]
    return found[:-1] if {"t", "t60"} <= set(world) else found  # there is one next timer


def play(world: World, aim: Aim) -> tuple[Drawn, End]:
    """A run in that world, as the engine plays one."""
    drawn: Drawn = []
    decide = strategy.seeded(aim.seed, aim.first, lambda offered, token: drawn.append((offered, token)))
    while world:
        world = world[decide(len(drawn) + 1, choices(world))]
    taken = ",".join(token for _, token in drawn)
    return drawn, End("ok", "00000000", "", taken, len(drawn), duration_ms=random.random())


def orders_of(world: World) -> Iterator[str]:
    """All that chance may come to, found in another way: by the definition."""
    if not world:
        yield ""
        return
    possible = choices(world)
    for choice in possible:
        if (choice.delay or 0) <= strategy.OUTAGE or len(possible) == 1:
            for rest in orders_of(world[choice.token]):
                yield f"{choice.token},{rest}".strip(",")


@given(worlds, st.lists(st.integers(0, 9), max_size=30))
def test_what_is_answered_is_what_a_run_ends_with(world: World, seeds: list[int]) -> None:
    orders = Orders()
    for seed in seeds:
        drawn, end = play(world, Aim(seed))
        known = orders.known(seed)
        if known is None:
            orders.add(drawn, end)
        else:
            assert known == replace(end, duration_ms=0.0)
    assert orders.played + orders.answered == len(seeds)
    assert not orders.doubt


@given(worlds, st.integers(0, 3))
def test_aiming_at_what_is_left_tries_every_order_once(world: World, seeds: int) -> None:
    orders, wanted, met = Orders(), sorted(orders_of(world)), set()
    for seed in range(seeds + 1):
        drawn, end = play(world, Aim(seed))
        orders.add(drawn, end)
        met.add(end.schedule)
    while aim := orders.untried():
        assert 0 < orders.open <= len(wanted) - len(met)
        assert not orders.whole
        drawn, end = play(world, aim)
        assert end.schedule not in met
        orders.add(drawn, end)
        met.add(end.schedule)
    assert sorted(met) == wanted
    assert (orders.whole, orders.tried, orders.open) == (True, len(wanted), 0)


FORK: World = {"c1": {}, "c2": {}}
END = End("ok", "00000000", "", "il1:", 1)
OFFER = Offer(("c1", "c2"))


def test_the_first_order_that_comes_again_is_played_again() -> None:
    orders = Orders()
    orders.add(*play({"c1": {}}, Aim(0)))
    assert orders.whole
    assert orders.known(1) is None
    orders.add(*play({"c1": {}}, Aim(1)))
    assert orders.known(2) is not None


@pytest.mark.parametrize(
    ("again", "end"),
    [
        ([(OFFER, "c1")], replace(END, signature="11111111")),
        ([(OFFER, "c1")], replace(END, escapes=("a thread",))),
        ([(Offer(("c1", "c3")), "c1")], END),
        ([(OFFER, "c3")], END),
        ([(OFFER, "c1"), (OFFER, "c1")], END),
        ([], END),
    ],
    ids=("another end", "an escape", "another offer", "what was not offered", "a longer run", "a shorter run"),
)
def test_nothing_is_known_of_a_program_that_is_another_one_each_time(again: Drawn, end: End) -> None:
    orders = Orders()
    for token in ("c1", "c2", "c2"):
        orders.add([(OFFER, token)], END)
    assert orders.whole
    assert orders.known(0) is not None
    orders.add(again, end)
    assert orders.doubt
    assert not orders.whole
    assert orders.known(0) is None
    assert orders.untried() is None


def test_a_run_that_dies_leaves_its_order_open() -> None:
    orders = Orders()
    orders.add([(OFFER, "c1")], END)
    orders.lost()
    assert orders.untried() is None
    assert not orders.whole
    assert orders.played == 2
