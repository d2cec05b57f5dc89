"""Runs that use a replica: it lags as the schedule says, for one run at a time, and follows again whatever happens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from dashboard.servers.lab import drop_schema
from interlock import journal
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Job
from interlock.job import Limits
from interlock.supervisor import Runner
from tests.lab.conftest import PROGRAMS
from tests.lab.conftest import Play
from tests.lab.conftest import Played
from tests.lab.conftest import Warm

STACKS = ("sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1")
SCHEMAS = ("test_engine", "test_replica_other")
LAGGING = ["before 2", "after 2", "later 4"]
PROMPT = ["before 2", "after 4", "later 4"]


@pytest.fixture
def apart(play: Play, replica_url: str, lab_url: str) -> Iterator[Callable[..., Played]]:
    """Play a program whose `reader.internal` is the replica."""

    def play_one(program: str = "replica", **asked: Any) -> Played:
        return play(program, replica=replica_url, replica_hosts=("reader.internal",), **asked)

    yield play_one
    for schema in SCHEMAS:
        drop_schema(lab_url, schema, replica_url)


def job(lab_url: str, replica_url: str, schema: str, mode: str = "replay", **asked: Any) -> Job:
    return Job(
        str(PROGRAMS / "replica.py"),
        lab_url,
        schema,
        mode=mode,
        setup=(PROGRAMS / "schema.sql").read_text(),
        replica=replica_url,
        replica_hosts=("reader.internal",),
        **asked,
    )


def paused(replica_url: str) -> bool:
    with psycopg.connect(replica_url) as replica:
        return replica.execute("select pg_is_wal_replay_paused()").fetchone() == (True,)


@pytest.mark.parametrize("stack", STACKS)
def test_twenty_replays_are_the_same_run_and_read_what_was_before(apart: Callable[..., Played], stack: str) -> None:
    played = [apart(stack=stack) for _ in range(20)]
    assert played[0].said("stdout") == LAGGING
    assert len({journal.digest(one.messages) for one in played}) == 1
    assert any("replica stands still" in touch for touch in played[0].header.instrumentation)


def test_the_schedule_says_when_it_catches_up(apart: Callable[..., Played]) -> None:
    usual = apart()
    offers = [
        (step, choice)
        for step in usual.steps
        for choice in step.frame.choices
        if choice.token == "w" and choice.offered
    ]
    # What was read, undone, or touched no row is no transaction to catch up with.
    said = [choice.text for _, choice in offers]
    assert said[0] == "let the replica catch up: 1 transaction behind"
    assert set(said[1:]) == {"let the replica catch up: 2 transactions behind"}
    assert [choice.default for _, choice in offers] == [False] * (len(offers) - 1) + [True]
    assert usual.said("replica") == ["the replica caught up with 2 transactions"]

    last = offers[-1][0].number
    reading = next(step.number for step, choice in offers if choice.text.endswith("2 transactions behind"))
    prompt = apart(schedule=f"il1:{reading + 1}=w")
    assert prompt.said("stdout") == PROMPT
    assert prompt.end.schedule == f"il1:{reading + 1}=w"
    late = apart(schedule=f"il1:{last + 1}=t")
    assert late.said("stdout") == ["before 2", "after 2", "later 2"]
    early = apart(schedule="il1:1=w")
    assert (early.end.outcome, "At step 1 the schedule asks for w" in early.end.detail) == ("diverged", True)


def test_who_waits_for_a_position_is_not_kept_waiting_by_what_others_write(apart: Callable[..., Played]) -> None:
    played = apart("replica_position")
    assert played.said("replica") == ["the replica caught up with 1 transaction"]
    assert played.said("stdout") == ["there after 0 times in vain"]


def test_chance_finds_both(apart: Callable[..., Played]) -> None:
    said = {tuple(apart(mode="random", seed=seed).said("stdout")) for seed in range(12)}
    assert {tuple(LAGGING), tuple(PROMPT)} <= said


def test_many_seeds_are_the_runs_that_they_are_alone(
    apart: Callable[..., Played], warm: Warm, lab_url: str, replica_url: str, stack_python: Callable[[str], str]
) -> None:
    ends = warm.explore(stack_python("sqlalchemy-2.1"), job(lab_url, replica_url, "test_replica_other"), range(8))
    assert [seed for seed, _ in ends] == list(range(8))
    for seed, end in ends:
        assert (end.outcome, end.schedule) == ("ok", apart(mode="random", seed=seed).end.schedule)


def test_each_connection_is_seen_where_it_is(apart: Callable[..., Played]) -> None:
    played = apart()
    frame = played.steps[-3].frame
    assert {one.id: (one.tag, one.replica) for one in frame.connections} == {
        "c1": ("writer.internal:5432", False),
        "c2": ("reader.internal:5432", True),
    }
    rows = [row for step in played.steps for row in step.frame.activity if row.connection == "c2"]
    assert rows
    assert all(row.replica and row.state != "gone" for row in rows[:-2])
    assert played.said("opened")[1] == "c2 to reader.internal:5432, the replica, is being opened"


def test_a_backend_of_the_replica_can_be_ended(apart: Callable[..., Played]) -> None:
    at = next(step.number for step in apart().steps if any(one.id == "c2" for one in step.frame.connections)) + 1
    ended = apart(schedule=f"il1:{at + 1}=k:c2")
    assert ended.said("fault") == ["the backend of c2 was ended"]
    assert "terminating connection due to administrator command" in ended.task("main").errors[0].message


def test_a_death_ends_the_connections_to_both(apart: Callable[..., Played], replica_url: str) -> None:
    at = next(step.number for step in apart().steps if any(one.id == "c2" for one in step.frame.connections)) + 2
    died = apart(schedule=f"il1:{at}=e")
    assert (died.end.outcome, died.end.schedule) == ("crash", f"il1:{at}=e")
    assert {one.state for one in died.steps[-1].frame.connections} == {"closed"}
    assert {row.state for row in died.steps[-1].frame.activity} <= {"gone"}
    assert not paused(replica_url)
    assert journal.digest(apart(schedule=f"il1:{at}=e").messages) == journal.digest(died.messages)


def test_who_waits_for_the_replay_is_said_to(apart: Callable[..., Played]) -> None:
    played = apart("replica_locks")
    waiting = [one for step in played.steps for one in step.frame.connections if one.state == "blocked"]
    assert {(one.replica, one.blocked_by) for one in waiting} == {(True, ("the replay",))}
    rows = [row for step in played.steps for row in step.frame.activity if row.blocked_by]
    assert {(row.replica, row.blocked_by) for row in rows} == {(True, ("the replay",))}
    assert played.end.outcome == "ok"
    assert journal.digest(apart("replica_locks").messages) == journal.digest(played.messages)


def test_a_snapshot_in_the_way_of_the_replay_is_ended(apart: Callable[..., Played]) -> None:
    played = apart("replica_conflict")
    told = next(step for step in played.steps if "replica caught up" in step.text)
    assert [choice.text for choice in told.frame.choices if choice.default] == [
        "let the program notice that c2 was closed by the server"
    ]
    assert played.said("stdout") == ["2"]
    assert played.task("main").errors[0].message.endswith("the underlying connection is closed")
    assert journal.digest(apart("replica_conflict").messages) == journal.digest(played.messages)


def test_the_plain_network_is_left_alone(apart: Callable[..., Played], replica_url: str) -> None:
    played = apart(mode="natural")
    assert played.said("stdout")[::2] == ["before 2", "later 4"]
    assert not played.said("replica")
    assert not any("stands still" in touch for touch in played.header.instrumentation)


def test_two_runs_wait_for_each_other(
    apart: Callable[..., Played], lab_url: str, replica_url: str, stack_python: Callable[[str], str]
) -> None:
    heard: list[str] = []
    python = stack_python("sqlalchemy-2.1")

    async def both() -> list[Message]:
        runners = [await Runner.start(python) for _ in range(2)]
        try:
            first = runners[0].play(job(lab_url, replica_url, SCHEMAS[0], "step"))
            while not isinstance(await anext(first), Step):
                pass
            # Its turn is not its work: it may take longer than the run itself.
            limits = Limits(seconds=2.0, hang_after=2.5)
            waits = asyncio.Event()

            def hear(text: str) -> None:
                heard.append(text)
                if len(heard) > 3:
                    waits.set()

            async def second() -> list[Message]:
                asked = job(lab_url, replica_url, SCHEMAS[1], limits=limits)
                return [message async for message in runners[1].play(asked, hear)]

            playing = asyncio.create_task(second())
            await asyncio.wait_for(waits.wait(), 20)
            assert not playing.done()
            await runners[0].stop()
            assert [message async for message in first][-1].outcome == "stopped"
            return await playing
        finally:
            for runner in runners:
                await runner.close()

    messages = asyncio.run(both())
    assert set(heard) == {"another run uses the replica, and this one waits until it is over"}
    assert messages[-1].outcome == "ok"
    assert journal.digest(messages) == journal.digest(apart().messages)


async def _kill_at(runner: Runner, asked: Job, number: int) -> None:
    async for message in runner.play(asked):
        if isinstance(message, Step) and message.number == number:
            await runner.interrupt()
        elif isinstance(message, Step):
            await runner.advance()


def test_a_run_that_is_killed_leaves_no_replica_that_stands_still(
    apart: Callable[..., Played], lab_url: str, replica_url: str, stack_python: Callable[[str], str]
) -> None:
    async def killed() -> None:
        runner = await Runner.start(stack_python("sqlalchemy-2.1"))
        try:
            await _kill_at(runner, job(lab_url, replica_url, SCHEMAS[1], "step"), 12)
        finally:
            await runner.close()

    asyncio.run(killed())
    assert paused(replica_url)
    assert apart().said("stdout") == LAGGING  # the next one sees to it
    assert not paused(replica_url)

    asyncio.run(killed())
    assert paused(replica_url)
    drop_schema(lab_url, SCHEMAS[1], replica_url)  # or whoever clears up
    assert not paused(replica_url)


def test_clearing_up_leaves_the_replica_to_whoever_has_it(
    apart: Callable[..., Played], lab_url: str, replica_url: str, stack_python: Callable[[str], str]
) -> None:
    async def held() -> bool:
        runner = await Runner.start(stack_python("sqlalchemy-2.1"))
        try:
            running = runner.play(job(lab_url, replica_url, SCHEMAS[0], "step"))
            while not isinstance(await anext(running), Step):
                pass
            await asyncio.to_thread(drop_schema, lab_url, SCHEMAS[1], replica_url)
            still = await asyncio.to_thread(paused, replica_url)
            await runner.stop()
            assert [message async for message in running][-1].outcome == "stopped"
            return still
        finally:
            await runner.close()

    assert asyncio.run(held())


def test_it_does_not_stop_where_nobody_could_connect(
    apart: Callable[..., Played], lab_url: str, replica_url: str
) -> None:
    with psycopg.connect(lab_url) as vacuum:  # which locks catalogs like this when it gives their ends back
        vacuum.execute("lock table pg_catalog.pg_largeobject in access exclusive mode")
        releasing = threading.Timer(1.0, vacuum.commit)
        releasing.start()
        played = apart()
        assert not releasing.is_alive()
        releasing.join()
    assert played.said("stdout") == LAGGING


def test_without_a_replica_it_says_so(play: Play, lab_url: str) -> None:
    none = play("replica", replica_hosts=("reader.internal",))
    assert (none.end.outcome, none.end.detail) == (
        "invalid",
        "This program uses a replica (reader.internal), and none was given to this run.",
    )
    primary = play("replica", replica_hosts=("reader.internal",), replica=lab_url)
    assert (primary.end.outcome, "is no replica: it takes writes" in primary.end.detail) == ("interrupted", True)
    away = play("replica", replica_hosts=("reader.internal",), replica="postgresql://ann@127.0.0.1:1/lab")
    assert (away.end.outcome, "does not answer" in away.end.detail) == ("interrupted", True)


def test_what_reads_from_no_replica_does_not_touch_it(play: Play, replica_url: str) -> None:
    played = play("replica")
    assert played.said("stdout") == PROMPT
    assert not any(choice.token == "w" for step in played.steps for choice in step.frame.choices)
    assert not any(one.replica for step in played.steps for one in step.frame.connections)
    assert replace(played.end, duration_ms=0) == replace(play("replica", replica=replica_url).end, duration_ms=0)
