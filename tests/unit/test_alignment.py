"""Which step of one run belongs to which of another: what holds for any two runs, and the cases people meet."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dashboard.runs.alignment import Alignment
from dashboard.runs.alignment import align
from dashboard.runs.alignment import key
from dashboard.store.records import Caption

TEXTS = ("reply to BEGIN on c1; “first” ran", "reply to SELECT on c2; “second” ran", "a sleep ends; “first” ran")


def captions(*texts: str, failed: int | None = None) -> list[Caption]:
    return [Caption(number, text, None, ("t2",), number == failed) for number, text in enumerate(texts)]


runs = st.lists(st.sampled_from(TEXTS), max_size=12).map(lambda texts: captions(*texts))
bounds = st.sampled_from([0, 20, 1000])


def rows(alignment: Alignment) -> list[tuple[int | None, int | None, bool]]:
    return [(pair.a, pair.b, pair.same) for pair in alignment.pairs]


@given(runs, runs, bounds)
def test_every_step_stands_in_one_row_and_in_its_order(a: list[Caption], b: list[Caption], largest: int) -> None:
    pairs = align(a, b, largest).pairs
    assert [pair.a for pair in pairs if pair.a is not None] == list(range(len(a)))
    assert [pair.b for pair in pairs if pair.b is not None] == list(range(len(b)))
    assert all(pair.a is not None or pair.b is not None for pair in pairs)


@given(runs, runs, bounds)
def test_what_is_called_the_same_is_the_same(a: list[Caption], b: list[Caption], largest: int) -> None:
    for pair in align(a, b, largest).pairs:
        if pair.same:
            assert pair.a is not None
            assert pair.b is not None
            assert key(a[pair.a]) == key(b[pair.b])


@given(runs, runs, bounds)
def test_nothing_differs_before_the_first_difference(a: list[Caption], b: list[Caption], largest: int) -> None:
    found = align(a, b, largest)
    keys_a, keys_b = list(map(key, a)), list(map(key, b))
    if found.differs is None:
        assert keys_a == keys_b
        assert found.how == "same"
    else:
        assert keys_a[: found.differs] == keys_b[: found.differs]
        assert keys_a[found.differs : found.differs + 1] != keys_b[found.differs : found.differs + 1]


@given(runs, runs)
def test_as_many_steps_as_possible_are_paired(a: list[Caption], b: list[Caption]) -> None:
    paired = sum(pair.same for pair in align(a, b).pairs)
    assert paired == _most(tuple(map(key, a)), tuple(map(key, b)))


def _most(a: tuple[object, ...], b: tuple[object, ...]) -> int:
    lengths = [0] * (len(b) + 1)
    for one in a:
        before = list(lengths)
        for place, other in enumerate(b, 1):
            lengths[place] = before[place - 1] + 1 if one == other else max(before[place], lengths[place - 1])
    return lengths[-1]


@given(runs, runs, bounds)
def test_left_and_right_are_alike(a: list[Caption], b: list[Caption], largest: int) -> None:
    one, other = align(a, b, largest), align(b, a, largest)
    assert (one.differs, one.how) == (other.differs, other.how)
    assert sum(pair.same for pair in one.pairs) == sum(pair.same for pair in other.pairs)


def test_connections_may_have_other_numbers() -> None:
    one = captions("the reply to BEGIN on c1; “first” ran")
    other = captions("the reply to BEGIN on c3; “first” ran")
    assert align(one, other) == align(one, one)
    assert align(one, captions("the reply to COMMIT on c1; “first” ran")).differs == 0


def test_tasks_go_by_the_order_of_their_creation_whatever_they_are_called() -> None:
    one = [Caption(0, "a sleep ends; “first” ran", None, ("t2",), False)]
    assert align(one, [replace(one[0], text="a sleep ends; “ann” ran")]).differs is None
    assert align(one, [replace(one[0], woke=("t3",))]).differs == 0


def test_a_step_in_which_only_one_of_them_raised_is_the_difference() -> None:
    assert align(captions(*TEXTS), captions(*TEXTS, failed=2)).differs == 2


def test_after_the_difference_they_come_together_again() -> None:
    begin, select, sleep = TEXTS
    found = align(captions(begin, select, sleep), captions(begin, sleep, "other; ran", "more; ran"))
    assert rows(found) == [(0, 0, True), (1, None, False), (2, 1, True), (None, 2, False), (None, 3, False)]
    assert found.how == "sequence"
    assert [found.steps(row) for row in (0, 1, 4)] == [(0, 0), (1, 0), (2, 3)]


def test_too_long_to_compare_each_with_each_goes_by_number() -> None:
    begin, select, sleep = TEXTS
    found = align(captions(begin, select, sleep), captions(begin, sleep, sleep, sleep), largest=1)
    assert rows(found) == [(0, 0, True), (1, 1, False), (2, 2, True), (None, 3, False)]
    assert found.how == "number"


def test_a_run_without_a_step_has_come_nowhere() -> None:
    assert align((), ()) == Alignment()
    assert align((), captions("x")).steps(0) == (None, 0)
