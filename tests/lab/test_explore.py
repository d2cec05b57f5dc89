"""Many seeds of one program, forked from where its loop begins: the same runs as one by one, and kept apart as well."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dashboard.catalogue import incidents
from dashboard.servers.lab import drop_schema
from interlock import journal
from interlock import lab
from interlock import schedule
from interlock.frame import End
from interlock.frame import Message
from interlock.job import Invariant
from interlock.job import Job
from interlock.job import Limits
from interlock.orders import Orders
from interlock.stage import Stage
from interlock.supervisor import Runner
from tests.lab.conftest import PROGRAMS
from tests.lab.conftest import Play
from tests.lab.conftest import Warm

SETUP = (PROGRAMS / "schema.sql").read_text()
LIMITS = Limits()
Explore = Callable[..., dict[int, End]]


@pytest.fixture
def explore(warm: Warm, lab_url: str) -> Iterator[Explore]:
    def ends(program: str, seeds: range, limits: Limits = LIMITS, rules: tuple[Invariant, ...] = ()) -> dict[int, End]:
        job = Job(
            str(PROGRAMS / f"{program}.py"), lab_url, "test_explore", setup=SETUP, limits=limits, invariants=rules
        )
        found = warm.explore(sys.executable, job, seeds)
        assert len(found) == len(dict(found)), "a seed came twice"
        return dict(found)

    yield ends
    drop_schema(lab_url, "test_explore")


def test_a_seed_ends_as_it_does_alone(explore: Explore, play: Play) -> None:
    ends = explore("deadlock", range(6))
    assert list(ends) == list(range(6))
    for seed, end in ends.items():
        alone = play("deadlock", mode="random", seed=seed).end
        assert (end.outcome, end.signature, end.schedule) == (alone.outcome, alone.signature, alone.schedule)
        again = play("deadlock", schedule=end.schedule).end
        assert again.signature == end.signature


def test_each_begins_with_the_data_as_prepared(explore: Explore) -> None:
    rule = Invariant("balances add up", "select balance from account where id = 1 and balance <> 70")
    ends = explore("for_update", range(5), rules=(rule,))
    assert [(end.outcome, end.invariants[0].holds) for end in ends.values()] == [("ok", True)] * 5


def test_one_that_dies_or_hangs_does_not_touch_the_next(explore: Explore) -> None:
    assert [end.outcome for end in explore("dies", range(3)).values()] == ["crash"] * 3
    hung = explore("blocks", range(2), Limits(hang_after=1.0))
    assert [end.outcome for end in hung.values()] == ["hang"] * 2
    assert "blocks.py" in hung[1].detail


def test_a_program_that_never_gets_to_its_loop_is_told_once(explore: Explore) -> None:
    ends = explore("raises_early", range(3, 9))
    assert {seed: end.outcome for seed, end in ends.items()} == {3: "invalid"}


def test_the_stage_is_set_again_only_if_something_was_written(lab_url: str) -> None:
    def tables() -> set[str | None]:
        return {row[0] for row in control.query("select oid from pg_class where relname = 'account'")}

    stage = Stage(lab.address(lab_url), "test_stage", SETUP)
    control = stage.open()
    try:
        stage.reset()
        kept = []
        for _ in range(5):
            before = tables()
            control.query("select * from account")
            stage.reset()
            kept.append(tables() == before)
        assert kept.count(False) <= 1  # the server itself writes to its log now and then, every 15 seconds at most
        before = tables()
        control.query("update account set balance = 0")
        stage.reset()
        assert tables() != before
        assert control.query("select sum(balance) from account") == [("200",)]
    finally:
        control.close()
        drop_schema(lab_url, "test_stage")


def test_a_number_taken_from_a_sequence_counts_as_written(lab_url: str) -> None:
    stage = Stage(lab.address(lab_url), "test_stage", "create sequence ticket; select nextval('ticket')")
    control = stage.open()
    try:
        stage.reset()
        control.query("select nextval('ticket')")  # set aside with the first one: nothing is logged
        stage.reset()
        assert control.query("select nextval('ticket')") == [("2",)]
    finally:
        control.close()
        drop_schema(lab_url, "test_stage")


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("sqlalchemy-1.4.42", "broken"),
        ("sqlalchemy-2.0", "session_per_task"),  # the broken one is over before there is much to choose
        ("sqlalchemy-2.1", "session_per_task"),
    ],
)
def test_a_continuation_does_as_the_run_up_to_its_step_and_is_found_again(
    stack: str, name: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    incident = incidents.load([PROGRAMS.parents[2] / "scenarios"]).incident("shared_session")
    assert incident
    program = incident.program(name)
    assert program
    plan = schedule.parse(program.expectations[stack].schedule)
    python, follow = stack_python(stack), 12
    base = Job(str(program.path), lab_url, "test_explore", setup=incident.setup, invariants=incident.invariants)
    many = replace(base, mode="random", schedule=str(plan), follow=follow)

    async def in_a_fresh_process(job: Job) -> list[Message]:
        runner = await Runner.start(python)
        try:
            return [message async for message in runner.play(job)]
        finally:
            await runner.close()

    async def found() -> list[tuple[int, End]]:
        runner = await Runner.start(python)
        try:
            return [one async for one in runner.explore(many, range(4))]
        finally:
            await runner.close()

    def begun(text: str) -> dict[int, str]:
        return {step: token for step, token in schedule.parse(text).deviations.items() if step <= follow}

    try:
        ends = asyncio.run(found())
        assert [seed for seed, _ in ends] == [0, 1, 2, 3]
        assert len({end.schedule for _, end in ends}) > 1
        for seed, end in ends:
            assert begun(end.schedule) == begun(str(plan))
            alone = asyncio.run(in_a_fresh_process(replace(many, seed=seed)))[-1]
            assert isinstance(alone, End)
            assert (alone.schedule, alone.signature) == (end.schedule, end.signature)
            again = [asyncio.run(in_a_fresh_process(replace(base, schedule=end.schedule))) for _ in range(2)]
            assert journal.digest(again[0]) == journal.digest(again[1])
            assert again[0][-1].signature == end.signature  # type: ignore[union-attr]
    finally:
        drop_schema(lab_url, "test_explore")


def test_a_prefix_that_cannot_be_followed_says_where(warm: Warm, lab_url: str) -> None:
    job = Job(str(PROGRAMS / "deadlock.py"), lab_url, "test_explore", setup=SETUP, schedule="il1:2=c9", follow=5)
    try:
        ((_, end),) = warm.explore(sys.executable, job, [0])
        assert end.outcome == "diverged"
        assert "At step 2" in end.detail
    finally:
        drop_schema(lab_url, "test_explore")


def test_of_a_small_program_every_order_is_tried_and_none_twice(warm: Warm, lab_url: str) -> None:
    job = Job(str(PROGRAMS / "sleeps.py"), lab_url, "test_explore")
    orders = Orders()
    try:
        ends = warm.explore(sys.executable, job, range(40), orders)
        assert [seed for seed, _ in ends if seed is not None] == list(range(40))
        assert orders.whole
        assert not orders.doubt
        assert len({end.schedule for _, end in ends}) == orders.tried
        assert orders.played == orders.tried + 1  # the first that came again, to see whether it is the same
        for seed in range(3):
            (alone,) = warm.explore(sys.executable, job, [seed])
            assert alone == (seed, replace(ends[seed][1], duration_ms=alone[1].duration_ms))
    finally:
        drop_schema(lab_url, "test_explore")


def test_nothing_is_taken_for_known_of_what_replay_does_not_control(warm: Warm, lab_url: str) -> None:
    orders = Orders()
    job = Job(str(PROGRAMS / "another_process.py"), lab_url, "test_explore")
    try:
        assert len(warm.explore(sys.executable, job, range(4), orders)) == 4
    finally:
        drop_schema(lab_url, "test_explore")
    assert (orders.played, orders.whole) == (4, False)
    assert "does not control" in orders.doubt


def test_a_run_that_stands_still_before_its_step_did_not_follow(warm: Warm, lab_url: str) -> None:
    job = Job(str(PROGRAMS / "stuck.py"), lab_url, "test_explore", schedule="il1:90=t", follow=90)
    try:
        ((_, end),) = warm.explore(sys.executable, job, [0])
        assert (end.outcome, "At step 90" in end.detail) == ("diverged", True)
    finally:
        drop_schema(lab_url, "test_explore")


def test_a_program_whose_process_dies_while_it_is_imported_has_an_end(warm: Warm, lab_url: str) -> None:
    job = Job(str(PROGRAMS / "leaves_at_once.py"), lab_url, "test_explore")
    ((seed, end),) = warm.explore(sys.executable, job, [7])
    assert (seed, end.outcome) == (7, "crash")
    assert "left with status 3" in end.detail
