"""The engine on a real server: what it promises of every program, good or bad."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from interlock import journal
from interlock.frame import Place
from interlock.frame import Step
from interlock.job import Invariant
from interlock.job import Limits
from interlock.supervisor import Runner
from tests.databases import fresh_database
from tests.lab.conftest import Play

QUICK = Limits(hang_after=1.0, seconds=10.0)


def same(one: list[Any], other: list[Any]) -> None:
    assert journal.first_difference(one, other) is None


@pytest.mark.parametrize("program", ["deadlock", "for_update", "lost_update", "timeouts", "threads"])
def test_a_replay_is_the_same_run(play: Play, program: str) -> None:
    first = play(program)
    for _ in range(3):
        same(first.messages, play(program).messages)


@pytest.mark.parametrize("seed", range(4))
def test_what_chance_chose_can_be_replayed_by_its_schedule(play: Play, seed: int) -> None:
    by_chance = play("deadlock", mode="random", seed=seed)
    again = play("deadlock", schedule=by_chance.end.schedule)
    same(by_chance.messages[1:], again.messages[1:])  # the headers tell the modes


def test_the_victim_of_a_deadlock_is_whoever_closed_the_circle(play: Play) -> None:
    played = play("deadlock")
    blocked = [step for step in played.steps if any(c.state == "blocked" for c in step.frame.connections)]
    assert blocked, "nobody was seen waiting for a lock"
    assert [c.blocked_by for c in blocked[0].frame.connections if c.state == "blocked"] == [("c2",)]
    row = next(row for row in blocked[0].frame.activity if row.connection == "c1")
    assert (row.wait_event_type, row.blocked_by) == ("Lock", ("c2",))
    assert played.task("transfer").outcome == "value"
    assert "DeadlockDetectedError" in played.task("transfer #2").errors[0].type
    assert played.end.outcome == "error"


def test_correct_locking_never_fails(play: Play) -> None:
    rule = Invariant("nothing is lost", "select balance from account where id = 1 and balance <> 70")
    for seed in range(8):
        played = play("for_update", mode="random", seed=seed, invariants=(rule,))
        assert (played.end.outcome, played.end.invariants[0].holds) == ("ok", True)


def test_much_goes_out_while_much_comes_in_and_a_lock_in_the_middle_is_seen(play: Play) -> None:
    first = play("bulk")
    assert (first.end.outcome, first.said("stdout")) == ("ok", ["20000 400"])
    blocked = [c for step in first.steps for c in step.frame.connections if c.state == "blocked"]
    assert {(c.id, c.blocked_by) for c in blocked} == {("c2", ("c1",))}
    same(first.messages, play("bulk").messages)
    assert play("bulk", mode="natural").end.outcome == "ok"


@pytest.mark.parametrize("mode", ["replay", "natural"])
def test_a_reply_that_is_too_large_to_be_held_ends_the_run_and_says_so(play: Play, mode: str) -> None:
    end = play("bulk", mode=mode, limits=Limits(reply_mb=4)).end
    assert (end.outcome, "The reply to SELECT on c1 has more than 4 MiB" in end.summary) == ("limit", True)


def test_a_silent_failure_is_found_by_its_rule(play: Play) -> None:
    rules = (
        Invariant("nothing is lost", "select balance from account where id = 1 and balance <> 70"),
        Invariant("tasks are known", "select * from outcome where outcome <> 'value'"),
        Invariant("cannot be asked", "select * from nowhere"),
    )
    end = play("lost_update", invariants=rules).end
    assert end.outcome == "silent"
    assert [one.holds for one in end.invariants] == [False, True, None]
    assert end.invariants[0].detail in ("balance = 80", "balance = 90")
    assert "nowhere" in end.invariants[2].detail


def test_a_timer_may_overtake_a_reply_and_hours_pass_in_no_time(play: Play) -> None:
    usual = play("timeouts")
    assert usual.said("stdout") == ["42", "3600"]
    asking = next(s for s in usual.steps if any(c.command == "SELECT" for c in s.frame.connections))
    timer = next(choice for choice in asking.frame.choices if choice.token == "t")
    assert (timer.delay, timer.wakes, timer.default) == (5.0, ("t1",), False)
    overtaken = play("timeouts", schedule=f"il1:{asking.number + 1}=t")
    assert overtaken.said("stdout") == ["too slow", "3605"]
    assert overtaken.end.duration_ms < 10_000


def test_a_later_timeout_may_fire_if_so_much_time_passes_at_once(play: Play) -> None:
    usual = play("two_timeouts")
    assert usual.said("stdout") == ["gave up had it"]
    waiting = next(step for step in usual.steps if sum(one.state == "blocked" for one in step.frame.connections) == 2)
    bounds = {task.name: task.waits[-len(", for at most 1 s") :] for task in waiting.frame.tasks if task.connection}
    assert bounds == {"first": ", for at most 1 s", "second": ", for at most 5 s"}
    late = next(choice for choice in waiting.frame.choices if choice.token == "t:t3")
    assert (late.text, late.delay, late.offered) == (
        "let 5 s pass at once: for “second” a timeout fires, and the timer before it",
        5.0,
        False,
    )
    assert not any(choice.token == "t:t2" for choice in waiting.frame.choices)  # it is the next one
    slow = play("two_timeouts", schedule=f"il1:{waiting.number + 1}=t:t3")
    assert slow.said("stdout") == ["gave up gave up"]
    assert slow.end.schedule == f"il1:{waiting.number + 1}=t:t3"
    same(slow.messages, play("two_timeouts", schedule=slow.end.schedule).messages)


def test_a_person_steps_and_may_choose(play: Play) -> None:
    async def drive(runner: Runner, message: Any) -> None:
        if isinstance(message, Step) and message.frame.choices:
            await runner.advance(message.frame.choices[-1].token if message.number == 1 else None)

    stepped = play("lost_update", mode="step", drive=drive)
    assert stepped.end.schedule.startswith("il1:2=")
    same(stepped.messages[1:], play("lost_update", schedule=stepped.end.schedule).messages[1:])


def test_a_run_can_be_stopped_where_it_waits(play: Play) -> None:
    async def drive(runner: Runner, message: Any) -> None:
        if isinstance(message, Step):
            await (runner.advance() if message.number < 2 else runner.stop())

    end = play("lost_update", mode="step", drive=drive).end
    assert (end.outcome, end.steps) == ("stopped", 2)


@pytest.mark.parametrize(
    ("schedule", "error"),
    [("il1:2=x:t2", "CancelledError"), ("il1:3=k:c1", "connection is closed"), ("il1:3=d:c1", "reset by peer")],
)
def test_faults_are_choices(play: Play, schedule: str, error: str) -> None:
    played = play("lost_update", schedule=schedule)
    assert played.said("fault")
    assert played.end.schedule == schedule
    assert played.end.outcome == "error"
    raised = [f"{view.type}: {view.message}" for task in played.end.tasks for view in task.errors]
    assert any(error in text for text in raised) or error == "CancelledError"
    same(played.messages, play("lost_update", schedule=schedule).messages)


def test_a_fault_names_a_task_as_the_program_does_from_the_step_on_in_which_it_began(play: Play) -> None:
    step = play("locks").steps[0]
    offered = {choice.text for choice in step.frame.choices if choice.kind == "cancel"}
    assert offered == {f"cancel task “{name}”" for name in ("main", "first", "second", "third")}


@pytest.mark.parametrize(
    ("schedule", "detail"),
    [
        ("il1:3=c9", "At step 3 the schedule asks for c9"),
        ("il1:900=c1", "nothing could move"),
        ("il1:3=e,5=c1", "At step 5 the schedule asks for c1, which was not possible. Possible were: nothing: the pro"),
        ("x", "no schedule"),
    ],
)
def test_a_foreign_schedule_is_told_at_the_step(play: Play, schedule: str, detail: str) -> None:
    end = play("lost_update", schedule=schedule).end
    assert end.outcome == ("invalid" if schedule == "x" else "diverged")
    assert detail in end.detail


def test_the_plain_network_is_recorded_too(play: Play) -> None:
    played = play("for_update", mode="natural")
    assert played.end.outcome == "ok"
    assert any("BEGIN" in text for text in played.said("reply"))


def test_what_a_program_says_is_told_with_its_task(play: Play) -> None:
    played = play("says")
    speaker = played.task("speaker").id
    for kind, text in [("stdout", "out"), ("stderr", "err"), ("log", "WARNING app: log 1"), ("warning", "careful")]:
        event = next(event for event in played.events if event.kind == kind and text in event.text)
        assert event.task == speaker
    assert any("was never awaited" in text for text in played.said("warning"))
    assert any("ERROR asyncio: Task exception was never retrieved" in text for text in played.said("log"))


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_standard_streams_are_what_they_are_in_python(play: Play, stack: str) -> None:
    played = play("streams", stack)
    assert played.end.outcome == "ok", played.end.summary
    assert played.said("stdout") == [
        "grüße, text and bytes in one line",
        "half of an ä",
        "the real one",
        "1 2 False utf-8 <stdout>",
        "buffered until the end",
    ]
    assert played.said("stderr") == ["to stderr", "handled: by a handler"]


@pytest.mark.parametrize("stack", ["sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_a_leaked_connection_is_seen_open_and_then_collected(play: Play, stack: str) -> None:
    played = play("leaks", stack)
    before_sleep = played.steps[-2].frame
    assert [(c.checked_out, c.owner, c.session, c.transaction) for c in before_sleep.connections] == [
        (True, "t1", "s1", "open")
    ]
    assert [(row.state, row.has_xid) for row in before_sleep.activity] == [("idle in transaction", True)]
    assert before_sleep.sessions[0].connections == ("c1",)
    assert any("garbage collector is trying to clean up" in text for text in played.said("warning"))


def test_looking_at_a_task_keeps_nothing_alive(play: Play) -> None:
    script = Path(__file__).parent / "programs" / "lifetimes.py"
    plain = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert play("lifetimes").said("stdout") == plain.stdout.splitlines()


def test_threads_and_groups_of_tasks_keep_their_order(play: Play) -> None:
    played = play("threads")
    assert played.said("stdout") == [
        "from a thread",
        "['fail'] ['sleeper 0', 'sleeper 1', 'sleeper 2', 'sleeper 3', 'sleeper 4']",
    ]


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_generators_left_open_are_closed_in_their_order(play: Play, stack: str) -> None:
    assert play("generators", stack).said("stdout") == [f"closing {number}" for number in range(12)]


def test_a_task_that_another_returns_is_named_without_our_own_callbacks_on_it(play: Play) -> None:
    played = play(Path(__file__).parents[2] / "scenarios" / "use_after_close" / "own_session.py")
    assert played.task("request").value == "task “mail”"


@pytest.mark.parametrize("program", ["blocks", "spins"])
def test_a_loop_that_stands_still_is_a_hang_with_its_stack(play: Play, program: str) -> None:
    end = play(program, limits=QUICK).end
    assert end.outcome == "hang"
    assert f"{program}.py" in end.detail


def test_it_is_a_hang_too_if_somebody_had_to_think_before(play: Play) -> None:
    async def drive(runner: Runner, message: Any) -> None:
        if isinstance(message, Step):  # who answers so late is waited for without a bound
            asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(runner.advance()))

    end = play("blocks", mode="step", drive=drive, limits=QUICK).end
    assert end.outcome == "hang"
    assert "blocks.py" in end.detail


def test_a_death_by_signal_is_a_crash(play: Play) -> None:
    end = play("dies").end
    assert end.outcome == "crash"
    assert "SIGSEGV" in end.detail
    assert [(task.name, task.outcome) for task in end.tasks] == [("main", "pending")]


def test_the_last_words_of_a_process_are_not_cut_where_they_were_read(play: Play) -> None:
    assert play("last_words").end.detail.splitlines()[-1] == "one line in two pieces"


def test_a_killed_run_keeps_its_steps(play: Play) -> None:
    async def drive(runner: Runner, message: Any) -> None:
        if isinstance(message, Step):
            if message.number == 3:
                assert runner.run_pid is not None
                os.kill(runner.run_pid, signal.SIGKILL)
            else:
                await runner.advance()

    played = play("for_update", mode="step", drive=drive)
    assert (played.end.outcome, played.end.steps) == ("crash", 3)
    assert "SIGKILL" in played.end.detail


def test_bounds_hold(play: Play) -> None:
    endless = play("endless", limits=replace(QUICK, steps=50)).end
    assert (endless.outcome, endless.steps) == ("limit", 50)
    chatty = play("chatty", limits=Limits(output_bytes=10_000))
    assert chatty.end.outcome == "ok"
    assert sum(map(len, chatty.said("stdout"))) <= 10_000
    assert chatty.end.output_dropped > 99_000_000
    few = play("for_update", limits=replace(QUICK, connections=1)).end
    assert (few.outcome, "more than 1 connections" in few.detail) == ("limit", True)
    few = play("threads", limits=replace(QUICK, tasks=3)).end
    assert (few.outcome, "more than 3 tasks" in few.detail) == ("limit", True)
    slow = play("endless", mode="natural", limits=Limits(seconds=1.5, hang_after=5)).end
    assert slow.outcome == "limit"


def test_waiting_for_nothing_is_told(play: Play) -> None:
    for mode in ("replay", "natural"):
        assert play("stuck", mode=mode).end.outcome == "stuck"


def test_a_program_reaches_nothing_but_the_lab(play: Play) -> None:
    stream, plain, module = play("outward").said("stdout")
    assert "example.org:80, which does not speak PostgreSQL" in stream
    assert "refused a connection to ('127.0.0.1', 9)" in plain
    assert "psycopg connects from C" in module


@pytest.mark.parametrize(
    ("program", "line", "detail"),
    [
        ("wrong_syntax", 3, "SyntaxError"),
        ("raises_early", 7, "KeyError: 'DATABASE_URL'"),
        ("no_loop", None, "without ever running an event loop"),
    ],
)
def test_a_program_that_cannot_be_run_is_told_with_its_line(
    play: Play, program: str, line: int | None, detail: str
) -> None:
    end = play(program).end
    assert end.outcome == "invalid"
    assert detail in end.summary
    assert (end.place.line if end.place else None) == line


def test_a_set_up_that_fails_is_told(play: Play) -> None:
    end = play("lost_update", setup="create table account (id int); insert into nowhere values (1)").end
    assert end.outcome == "invalid"
    assert 'relation "nowhere" does not exist' in end.detail


def test_a_lab_that_is_gone_is_told(play: Play, tmp_path: Path) -> None:
    end = play("lost_update", lab=f"postgresql://nobody@/nothing?host={tmp_path}").end
    assert end.outcome == "interrupted"
    assert f"The lab server does not answer at nobody@{tmp_path}" in end.detail


def test_a_lab_that_goes_away_is_told(play: Play, lab_url: str) -> None:
    async def drive(runner: Runner, message: Any) -> None:
        if isinstance(message, Step) and message.frame.choices:
            if message.number == 2:
                with psycopg.connect(lab_url) as lab:
                    lab.execute(
                        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                        "where application_name = 'interlock:test_engine:control'"
                    )
            await runner.advance()

    end = play("lost_update", mode="step", drive=drive).end
    assert (end.outcome, end.steps) == ("interrupted", 2)
    assert "lab" in end.detail


def test_who_closed_a_connection_is_told(play: Play) -> None:
    scenarios = Path(__file__).parents[2] / "scenarios"
    asked = play(scenarios / "two_loops" / "dispose.py").said("reply")
    assert "the program was told that c1 is closed, as it had asked" in asked
    assert not any("closed by the server" in text for text in asked)
    ended = play(scenarios / "shared_session" / "session_per_task.py", schedule="il1:16=k:c1")
    assert "the program was told that c1 was closed by the server" in ended.said("reply")


def test_a_loop_in_a_thread_of_its_own_is_told(play: Play) -> None:
    end = play("second_loop").end
    assert end.outcome == "invalid"
    assert "an event loop in a thread of its own, “beside”" in end.detail


def test_a_loop_a_policy_and_tasks_of_the_programs_own_choice_are_stepped(play: Play) -> None:
    played = play("own_loop")
    told = {task.name: task.outcome for task in played.end.tasks}
    assert told == {"main": "value", "fail": "error", "read": "value", "read #2": "value"}
    assert played.steps[-1].frame.tasks[1].begun == Place(
        "own_loop.py", 27, "main", "forgotten = asyncio.create_task(fail())", ours=True
    )
    same(played.messages, play("own_loop").messages)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks")
def test_eager_tasks_begin_at_once_and_are_seen(play: Play) -> None:
    played = play("eager")
    assert played.said("stdout") == ["child, inner as at_once, last as at_once #2, main"]
    assert [task.name for task in played.end.tasks] == ["main", "child", "at_once", "at_once #2"]


@pytest.mark.parametrize("mode", ["replay", "natural"])
def test_processes_that_the_program_waits_for_are_waited_for(play: Play, mode: str) -> None:
    played = play("two_processes", mode=mode)
    assert played.said("stdout") == ["HELLO", "slow 0"]
    assert played.end.outcome == "ok"


def test_whoever_is_ended_or_cancelled_by_statement_hears_of_it_at_once(play: Play) -> None:
    first = play("ends_others")
    assert first.said("stdout") == ["canceling statement due to user request True"]
    for _ in range(3):
        same(first.messages, play("ends_others").messages)


def test_names_that_the_server_makes_up_are_the_same_in_a_replay(play: Play) -> None:
    first = play("names_in_texts")
    assert first.said("stdout") == ['schema "run_…" already exists']
    same(first.messages, play("names_in_texts").messages)


def test_a_program_that_writes_more_than_it_may_hold_is_told_so(play: Play) -> None:
    end = play("writes_too_much", limits=Limits(memory_mb=700)).end
    assert (end.outcome, end.detail.partition(".")[0]) == ("limit", "The run had no memory left")


def test_what_a_run_leaves_beside_its_schema_is_told(play: Play, lab_url: str) -> None:
    try:
        played = play("beside")
    finally:
        with psycopg.connect(lab_url, autocommit=True) as lab:
            lab.execute("drop schema beside_it cascade")
            lab.execute("alter role interlock_program reset all")
            lab.execute("select lo_unlink(oid) from pg_largeobject_metadata")
    assert played.said("stdout") == [
        'permission denied to set parameter "work_mem"',
        "must be owner of database postgres",
        "permission denied to create role",
        "permission denied for schema public",
    ]
    assert played.end.escapes == (
        "while the run went on the lab changed beside its schema, and nobody undoes that: a large object, "
        "schema beside_it, setting work_mem=5MB of role interlock_program",
    )
    assert play("sleeps").end.escapes == ()


def test_a_program_makes_schemas_in_whatever_database_is_the_lab(play: Play, lab_url: str) -> None:
    play("sleeps")  # so that its role is there
    with fresh_database(lab_url) as other:
        end = play("beside", lab=other).end
        with psycopg.connect(other, autocommit=True) as lab:
            lab.execute("alter role interlock_program reset all")
    assert (end.outcome, end.tasks[0].errors) == ("ok", ())


def test_row_security_holds_for_programs_as_it_does_at_work(play: Play) -> None:
    assert play("tenants").said("stdout") == ["[[1], [2, 3]]"]


def test_who_cancelled_a_task_is_told(play: Play) -> None:
    played = play("cancels")
    told = {task.name: task.cancelled for task in played.end.tasks if task.outcome == "cancelled"}
    assert told["by hand"] == "by “main” at cancels.py:23"
    assert told["gathered"] == "with “gathers”, which awaited it"
    assert told["grouped"].startswith("by a TaskGroup, which cancels all")
    assert told["left"].startswith("by asyncio.run(), which cancels what is left")
    said = played.said("task-ended")
    assert all(f"“{name}” was cancelled {by}" in said for name, by in told.items())
    begun = {task.name: task.begun.line for task in played.steps[-1].frame.tasks if task.begun}
    assert (begun["by hand"], begun["gathered"], begun["grouped"], begun["left"]) == (20, 11, 34, 37)


def test_an_error_has_no_calls_of_whoever_awaited_it_first(play: Play) -> None:
    played = play("passes_on")
    calls = {name: [place.function for place in played.task(name).errors[0].stack] for name in ("fails", "main")}
    assert calls == {"fails": ["fails"], "main": ["main", "fails"]}


def test_who_waits_for_a_lock_of_asyncio_is_told_who_has_it_now(play: Play) -> None:
    played = play("locks")
    waits = [{task.name: task.waits for task in step.frame.tasks if "lock" in task.waits} for step in played.steps]
    first, second, third = (
        f"an asyncio lock that “{name}” took at locks.py:{line}"
        for name, line in (("first", 9), ("second", 9), ("third", 14))
    )
    assert waits == [{"second": first, "third": first}, {"third": second}, {"acquire": third}, {}]
    assert not any(
        "interlock" in place.file for step in played.steps for stack in step.stacks.values() for place in stack
    )


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_a_block_that_commits_with_a_savepoint_still_open_called_commit(stack: str, play: Play) -> None:
    played = play("open_savepoint", stack)
    assert played.said("commit") == ["commit() of s1", "s1 committed"]
    assert played.said("savepoint") == ["s1 began a savepoint on c1", "s1 released its savepoint"]
