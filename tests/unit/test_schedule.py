"""Schedules: read back as written, and told apart from everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import strategy
from interlock.frame import Choice
from interlock.schedule import Schedule
from interlock.schedule import ScheduleError
from interlock.schedule import parse

tokens = st.one_of(
    st.sampled_from("tw"),
    st.builds(lambda kind, n: f"{kind}{n}", st.sampled_from("cr"), st.integers(1, 99)),
    st.builds(lambda kind, n: f"{kind}:c{n}", st.sampled_from("kd"), st.integers(1, 99)),
    st.builds(lambda kind, n: f"{kind}{n}", st.sampled_from(["x:t", "q:r"]), st.integers(1, 99)),
)


@given(st.dictionaries(st.integers(1, 9999), tokens, max_size=30))
def test_a_schedule_is_read_back_as_written(deviations: dict[int, str]) -> None:
    assert parse(str(Schedule(deviations))).deviations == deviations


def test_white_space_of_a_chat_is_no_matter() -> None:
    assert parse(" il1:3=c2,\n 12=t \n") == Schedule({3: "c2", 12: "t"})
    assert parse("") == parse("il1:") == Schedule()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "does not begin with 'il1:'"),
        ("il2:3=c1", "has version 2"),
        ("il1:3", "'3' is not step=choice"),
        ("il1:3=c1,", "'' is not step=choice"),
        ("il1:0=c1", "'0=c1'"),
        ("il1:3=q", "'3=q'"),
        ("il1:3=r0", "r2 \\(request 2 arrives\\)"),
        ("il1:3=k:r1", "'3=k:r1'"),
        ("il1:3=q:c1", "'3=q:c1'"),
        ("il1:3=c1,3=c2", "Step 3 stands twice"),
        ("il1:" + "1=t," * 50_000, "longer than"),
    ],
)
def test_what_is_no_schedule_is_told_where(text: str, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        parse(text)


REPLIES = [Choice("c2", "reply", "", default=True), Choice("c1", "reply", "")]
TIMER = Choice("t", "timer", "", delay=60.0)


def test_a_schedule_speaks_only_where_it_deviates() -> None:
    decide = strategy.replaying(Schedule({2: "c1"}))
    assert [decide(step, REPLIES) for step in (1, 2, 3)] == ["c2", "c1", "c2"]


def test_after_its_schedule_a_person_decides() -> None:
    decide = strategy.replaying(Schedule({2: "c1"}), lambda step, choices: "t", until=2)
    assert [decide(step, [*REPLIES, TIMER]) for step in (1, 2, 3)] == ["c2", "c1", "t"]


@given(st.integers(0, 2**32))
def test_chance_is_the_same_for_the_same_seed_and_always_possible(seed: int) -> None:
    choices = [*REPLIES, TIMER]
    one, other = strategy.seeded(seed), strategy.seeded(seed)
    first = [one(step, choices) for step in range(20)]
    assert first == [other(step, choices) for step in range(20)]
    assert set(first) <= {"c1", "c2", "t"}
    only_timer = Choice("t", "timer", "", default=True)
    assert strategy.seeded(seed)(1, [only_timer]) == "t"


@given(st.integers(0, 2**32))
def test_chance_lets_requests_in_among_the_replies(seed: int) -> None:
    requests = [Choice("r1", "request", ""), Choice("r2", "request", "")]
    decide = strategy.seeded(seed)
    assert {decide(step, [*REPLIES, *requests, TIMER]) for step in range(200)} == {"c1", "c2", "r1", "r2"}
    assert decide(1, [requests[1], TIMER]) == "r2"


LAG = Choice("w", "replica", "")


@given(st.integers(0, 2**32))
def test_a_replica_lags_for_a_while_and_not_for_ever(seed: int) -> None:
    decide = strategy.seeded(seed)
    lags = [decide(step, [*REPLIES, LAG]) == "w" for step in range(400)]
    assert 10 < sum(lags) < 90
    assert strategy.seeded(seed)(1, [LAG, TIMER]) == "w"  # a minute is longer than any lag
    assert strategy.seeded(seed)(1, [LAG]) == "w"


def test_chance_for_programs_without_a_replica_is_what_it_was() -> None:
    decide = strategy.seeded(7)
    brief = Choice("t", "timer", "", delay=0.05)
    recorded = "c2 c2 t c1 c2 t c2 t c2 c2 c2 c1"  # before there were replicas: seeds are handed on in chats
    assert [decide(step, [*REPLIES, brief]) for step in range(12)] == recorded.split()


def test_a_long_timer_rarely_overtakes_replies() -> None:
    assert strategy.overtaking(60.0) == 0.0 < strategy.overtaking(1.0) < strategy.overtaking(0.01) == 0.3


def test_faults_are_told_from_what_comes_by_itself() -> None:
    assert parse("il1:1=c2,2=t,3=k:c1,4=x:t2,5=e").faults == ("k:c1", "x:t2", "e")
    assert parse("il1:1=c2,2=t").faults == ()
