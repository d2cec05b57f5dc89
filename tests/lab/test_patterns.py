"""The patterns that people can take: what each keeps, under the schedules that its page shows and under others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dashboard.catalogue import incidents
from dashboard.catalogue import patterns
from dashboard.presenters.patterns import TIME
from dashboard.runs import facts
from dashboard.runs.facts import Facts
from dashboard.servers.lab import drop_schema
from interlock.frame import End
from interlock.job import Job
from interlock.supervisor import Runner
from tests.lab.conftest import Played
from tests.lab.conftest import Warm

CATALOGUE = incidents.load([Path(__file__).parents[2] / "scenarios"])
FOUND, PROBLEMS = patterns.find(CATALOGUE)
assert FOUND is not None, PROBLEMS
SHOWN = [
    pytest.param(pattern.program.name, question, id=f"{pattern.program.name}-{question}")
    for pattern in FOUND.patterns
    for question in pattern.experiments
]
BY_NAME = {pattern.program.name: pattern for pattern in FOUND.patterns}
TWO_PHASE = ["two_phase", "two_phase_one_snapshot"]

_numbers = itertools.count(1)
_played: dict[tuple[str, str], Played] = {}


@pytest.fixture
def schema(lab_url: str) -> Iterator[str]:
    name = f"cli_patterns_{next(_numbers)}"
    yield name
    drop_schema(lab_url, name)


Run = Callable[..., Played]


@pytest.fixture
def run(lab_url: str, schema: str, warm: Warm, stack_python: Callable[[str], str]) -> Run:
    def run_one(program: str, stack: str = FOUND.stack, **asked: object) -> Played:
        return warm.play(stack_python(stack), job_for(program, lab_url, schema, **asked), None)

    return run_one


def job_for(program: str, lab_url: str, schema: str, **asked: object) -> Job:
    path = str(BY_NAME[program].program.path if program in BY_NAME else FOUND.incident.folder / f"{program}.py")
    job = Job(path, lab_url, schema, setup=FOUND.incident.setup, invariants=FOUND.incident.invariants)
    return replace(job, **asked)  # type: ignore[arg-type]


def told(played: Played) -> Facts:
    return facts.facts(played.steps, played.end, FOUND.meanwhile)


def experiment(run: Run, program: str, question: str) -> Played:
    """The run behind an answer of the page, played once for all tests."""
    key = program, question
    if key not in _played:
        _played[key] = run(program, schedule=BY_NAME[program].experiments[question].schedule)
    return _played[key]


def shown(run: Run, program: str, question: str) -> Facts:
    return told(experiment(run, program, question))


@pytest.mark.parametrize(("program", "question"), SHOWN)
def test_no_experiment_leaves_its_schedule(run: Run, program: str, question: str) -> None:
    end = experiment(run, program, question).end
    assert end.outcome not in ("diverged", "invalid", "interrupted", "limit"), end.detail
    assert end.schedule == BY_NAME[program].experiments[question].schedule


# What each keeps, as the page reads it from its runs


@pytest.mark.parametrize(
    ("program", "at_once", "connections"),
    [
        ("one_connection", 1, 1),
        ("one_statement", 1, 1),
        ("session_per_task", 3, 3),
        ("commit_barrier", 3, 3),
        ("one_snapshot", 3, 4),
        ("two_phase", 3, 3),
        ("two_phase_one_snapshot", 3, 4),
    ],
)
def test_what_runs_at_the_same_time_and_on_how_many_connections(
    run: Run, program: str, at_once: int, connections: int
) -> None:
    found = shown(run, program, "plain")
    assert (found.at_once, found.connections) == (at_once, connections)


@pytest.mark.parametrize(
    ("program", "agree"),
    [
        ("one_connection", True),
        ("one_statement", True),
        ("session_per_task", False),
        ("commit_barrier", False),
        ("one_snapshot", True),
        ("two_phase", False),
        ("two_phase_one_snapshot", True),
    ],
)
def test_who_sees_one_state_of_the_data_when_somebody_commits_in_between(run: Run, program: str, agree: bool) -> None:
    played = experiment(run, program, "changes")
    assert told(played).holds[FOUND.same] is agree
    # And it was in between: after the first query, before the last thing that the order sent.
    price = next(task.id for task in played.end.tasks if task.name == FOUND.meanwhile)
    sent = [event for event in played.events if event.kind == "sent" and not event.text.startswith("prepare ")]
    theirs = next(at for at, one in enumerate(sent) if one.task == price and one.text.startswith("COMMIT"))
    ours = [at for at, one in enumerate(sent) if "price_of" in one.text or (one.task != price and "COMMIT" in one.text)]
    assert ours[0] < theirs < ours[-1]


@pytest.mark.parametrize(
    ("program", "fails", "dies"),
    [
        ("one_connection", True, True),
        ("one_statement", True, True),
        ("session_per_task", False, False),
        ("commit_barrier", True, False),
        ("one_snapshot", True, True),
        ("two_phase", True, False),
        ("two_phase_one_snapshot", True, False),
    ],
)
def test_what_is_left_when_a_part_fails_and_when_the_process_dies(
    run: Run, program: str, fails: bool, dies: bool
) -> None:
    failed, died = shown(run, program, "fails"), shown(run, program, "dies")
    assert (failed.outcome, failed.holds[FOUND.whole]) == ("error", fails)
    assert (died.outcome, died.holds[FOUND.whole]) == ("crash", dies)


@pytest.mark.parametrize("program", TWO_PHASE)
def test_recovery_finishes_what_was_decided(run: Run, program: str) -> None:
    died = shown(run, program, "dies")
    assert died.holds["nothing stays prepared"] is False
    recovered = experiment(run, program, "recovers")
    assert all(rule.holds for rule in recovered.end.invariants)
    assert recovered.task("order").outcome == "error"
    assert recovered.task("recovery").outcome == "value"
    finished = [event for event in recovered.events if event.text.startswith("COMMIT PREPARED on")]
    names = {task.id: task.name for task in recovered.end.tasks}
    assert [names[event.task or ""] for event in finished].count("recovery") == 2


# Whatever fails, and whenever (that the fixes hold in any order is what test_catalogue.py sees to)


@pytest.mark.parametrize("program", ["one_connection", "one_statement", "one_snapshot", *TWO_PHASE])
def test_all_or_nothing_wherever_a_connection_is_lost(run: Run, program: str) -> None:
    """Each connection of the plain run, dropped at every eleventh step from its first transaction on."""
    plain = experiment(run, program, "plain")
    for step in plain.steps[14:-1:11]:
        for connection in step.frame.connections:
            if connection.state == "closed" or f"d:{connection.id}" not in {one.token for one in step.frame.choices}:
                continue
            end = run(program, schedule=f"il1:{step.number + 1}=d:{connection.id}").end
            assert_whole(end)


@pytest.mark.parametrize("program", ["one_connection", "one_statement", "one_snapshot"])
def test_all_or_nothing_whenever_the_process_dies(run: Run, program: str) -> None:
    for number in range(14, experiment(run, program, "plain").end.steps + 1, 4):
        assert_whole(run(program, schedule=f"il1:{number}=e").end)


def assert_whole(end: End) -> None:
    assert end.outcome in ("ok", "error", "crash"), end.detail
    broken = [rule.name for rule in end.invariants if not rule.holds]
    assert not broken, f"{end.schedule}: {broken}"


# Prepared transactions belong to their run


def test_runs_at_the_same_time_do_not_meet_in_the_server_s_list_of_prepared_transactions(
    lab_url: str, stack_python: Callable[[str], str]
) -> None:
    """All of them call theirs the same, and each recovers what it finds."""
    names = [f"cli_patterns_beside_{number}" for number in range(3)]

    async def alone(schema: str) -> list[End]:
        runner = await Runner.start(stack_python(FOUND.stack))
        try:
            job = job_for("two_phase", lab_url, schema)
            return [end async for _, end in runner.explore(job, range(12))]
        finally:
            await runner.close()

    async def beside() -> list[list[End]]:
        return await asyncio.gather(*map(alone, names))

    try:
        for ends in asyncio.run(beside()):
            assert len(ends) == 12
            assert {end.outcome for end in ends} <= {"ok", "silent"}, [end.summary for end in ends]
            assert all(end.invariants[0].holds and end.invariants[3].holds for end in ends)
    finally:
        for name in names:
            drop_schema(lab_url, name)


def test_what_a_run_leaves_prepared_goes_with_its_schema_and_nothing_else_does(
    run: Run, lab_url: str, schema: str
) -> None:
    with psycopg.connect(lab_url, autocommit=True) as lab:
        lab.execute("begin; create table if not exists of_somebody_else (); prepare transaction 'order-1-payment'")
        try:
            run("two_phase", schedule=BY_NAME["two_phase"].experiments["dies"].schedule)
            mine = {f"{schema}:order-1-points", f"{schema}:order-1-shipment"}
            assert prepared(lab) == {"order-1-payment", *mine}
            run("two_phase")  # another run in the same schema clears it first
            assert prepared(lab) == {"order-1-payment"}
            run("two_phase", schedule=BY_NAME["two_phase"].experiments["dies"].schedule)
            drop_schema(lab_url, schema)
            assert prepared(lab) == {"order-1-payment"}
        finally:
            lab.execute("rollback prepared 'order-1-payment'")


def prepared(lab: psycopg.Connection) -> set[str]:
    return {gid for (gid,) in lab.execute("select gid from pg_prepared_xacts")}


# Times


def test_the_timing_run_tells_of_every_way_at_every_pace(run: Run) -> None:
    played = run("timing", mode="natural", pictures=False)
    assert (played.end.outcome, len(played.steps)) == ("ok", 1)
    lines = [TIME.fullmatch(text.strip()) for text in told(played).said]
    found = {(line["program"], int(line["pace"])): float(line["ms"]) for line in lines if line}
    ways = {name for name in BY_NAME if name != "broken"}
    assert set(found) == {(way, pace) for way in ways for pace in (0, 5, 20)}
    # What is certain on any machine: three sleeps take their time in a row, and less at the same time.
    assert found["one_connection", 20] >= 60
    assert found["session_per_task", 20] < found["one_connection", 20]
