"""Proofs of recorded runs: what they say, and that every clause is true of its step."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.findings import why
from dashboard.findings.explain import explain
from dashboard.findings.why.headline import headline
from dashboard.findings.why.headline import remedy
from dashboard.findings.why.headline import turn
from dashboard.presenters import happened
from dashboard.presenters.source import source
from interlock import delta
from interlock.frame import Choice
from interlock.frame import ConnectionView
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import InvariantOutcome
from interlock.frame import Message
from interlock.frame import Place
from interlock.frame import SessionView
from interlock.frame import Step
from interlock.frame import TaskOutcome
from interlock.frame import TaskView
from tests.claims import assert_true

JOURNALS = Path(__file__).parent / "journals"


def recorded(name: str) -> list[Message]:
    with gzip.open(JOURNALS / f"{name}.jsonl.gz", "rt") as file:
        reader = delta.Reader()
        return [reader.load(line) for line in file]


def told(messages: list[Message]) -> list[str]:
    """The proof as people read it."""
    clauses = why.of_journal(messages)
    assert_true(clauses, messages)
    assert len(clauses) <= 8
    return [
        f"{one.step} {one.text}" + (f" [{one.place.file}:{one.place.line}]" if one.place else "") for one in clauses
    ]


def test_a_commit_ends_the_transaction_that_another_task_has_yet_to_join() -> None:
    assert told(recorded("1.4.42-broken")) == [
        "0 “main” started “first”, “second” and “third”",
        "0 “first”, “second” and “third” were inside one session, s1, at the same time [broken.py:16]",
        "0 “second” entered session s1 and asked for a connection (c2) [broken.py:16]",
        "24 “first” called commit() of s1 [session.py:52]",
        "26 “first” committed s1’s transaction 1 while “second” and “third” were yet to join it [session.py:52]",
        "28 “second” woke with c2, for a transaction that had ended, and met AttributeError: 'NoneType' object has no "
        "attribute 'twophase' [broken.py:16]",
    ]


def test_who_shares_a_session_and_who_only_passed_an_error_on_is_told_beside_the_proof() -> None:
    messages = recorded("1.4.42-shared")
    clauses = why.of_journal(messages)
    assert_true(clauses, messages)
    started, opened, *_, awaited, left = clauses
    assert started.text == "“main” started “first”, “second” and “third”"
    assert [(one.file, one.line) for one in started.places] == [("broken.py", line) for line in (23, 24, 25)]
    assert opened.text == "“first” began to use session s1, which it had opened; then “second” and “third” did"
    assert awaited.text == "“main”, which awaited “second”, passed it on"
    assert left.text.startswith("“third” was cancelled by asyncio.run()")
    header, (end, failure) = messages[0], messages[:-3:-1]
    assert isinstance(header, Header)
    assert isinstance(end, End)
    assert isinstance(failure, Step)
    explained = explain(end, header, clauses)
    assert explained is not None
    assert "'twophase'; “main” passed it on." in explained.text
    assert happened.raised_in(failure) == (
        "“second” raised AttributeError: 'NoneType' object has no attribute 'twophase' (“main” passed it on)",
    )
    program, *_ = source(header.sources, "broken.py", None, clauses)
    lines = {line.number: line for line in program.lines}
    assert [lines[number].besides for number in (22, 23, 24, 25, 26)] == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "1.4.42-broken",
            "“first” committed the shared session s1 while “second” and “third” were about to use it, so “second” "
            "failed.",
        ),
        (
            "1.4.42-busy",
            "“third” called commit() of the shared session s1 while “first” waited for a reply in it, so “third” "
            "failed.",
        ),
        (
            "2.1-broken_writes",
            "“ben” and “cleo” called rollback() of the shared session s1, to clean up after an error, while “ann” was "
            "still using it, so “ben” and “cleo” failed; broken: “a task that reported failure has no visit recorded”.",
        ),
        ("2.1-deadlock", "“transfer” and “transfer #2” waited for locks of each other, so “transfer #2” failed."),
        (
            "1.4.42-stale_read",
            "“twenty” read from the replica, which did not yet have what “ten” had committed, and no task failed.",
        ),
        (
            "2.1-refresh",
            "“ben” read from the replica, which did not yet have what “ben” had committed, so “ben” failed; "
            "broken: “who was told that opening an account failed has none”.",
        ),
        (
            "2.1-torn_commit",
            "“bob” committed session s1 in part: its COMMIT on c1 was carried out, and the one on c2 refused, and no "
            "task failed.",
        ),
        (
            "1.4.42-three_commits",
            "“main” committed session s1 in part: its COMMITs on c2 and c1 were carried out, and the one on c3 "
            "refused, and no task failed.",
        ),
        (
            "1.4.42-parts",
            "“price” committed between the reads of “do_part #2” and “do_part”, for each of which session s2 had a "
            "connection, and no task failed.",
        ),
        (
            "2.1-pool",
            "“cleo” waited too long for a connection of the pool, and “ann” and “ben” kept theirs while waiting for "
            "something else, so “cleo” failed.",
        ),
    ],
)
def test_a_proof_in_one_sentence_for_whoever_reads_nothing_else(name: str, sentence: str) -> None:
    messages = recorded(name)
    end = messages[-1]
    assert isinstance(end, End)
    assert headline(why.of_journal(messages), end) == sentence


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("1.4.42-stale_read", "Read from the primary what is read in order to write"),
        ("2.1-refresh", "Read from the primary what was just written"),
        ("2.1-torn_commit", "Put what belongs together into one transaction"),
        ("1.4.42-three_commits", "Let one task at a time use the session"),
        ("1.4.42-parts", "Let one task at a time use the session"),
    ],
)
def test_what_to_do_is_told_of_this_very_run(name: str, advice: str) -> None:
    assert remedy(why.of_journal(recorded(name))).startswith(advice)


def test_of_an_empty_pool_it_is_told_where_those_who_had_it_all_kept_it() -> None:
    proof = why.of_journal(recorded("2.1-pool"))
    turned = turn(proof)
    assert turned is not None
    assert turned.place is not None
    assert (turned.place.line, turned.place.text) == (16, "await asyncio.sleep(60)")
    assert [one.text for one in proof if one.claim == "held"] == [
        "“ann” held c1 while it waited for something else",
        "“ben” held c2 while it waited for something else",
    ]


def test_a_commit_that_the_server_refused_is_told_with_its_answer() -> None:
    assert told(recorded("2.1-torn_commit"))[2] == (
        '29 “bob” sent COMMIT on c2, which the server refused: insert or update on table "orders" violates foreign key '
        'constraint "orders_customer_fkey" [broken.py:18]'
    )


def test_a_proof_that_does_not_reach_the_error_leads_no_page() -> None:
    messages = recorded("1.4.42-broken")
    end = messages[-1]
    assert isinstance(end, End)
    assert headline([one for one in why.of_journal(messages) if one.claim != "met"], end) == ""


def test_the_error_is_told_where_it_was_met_and_not_where_the_clean_up_ended() -> None:
    assert told(recorded("1.4.42-busy")) == [
        "0 “main” started “first”, “second” and “third”",
        "0 “first”, “second” and “third” were inside one session, s1, at the same time [broken.py:16]",
        "23 “first” sent COMMIT on c1, a connection of s1; the reply was still to come [session.py:52]",
        "35 “third” called commit() of s1, which uses c1 too [session.py:52]",
        "35 “third” met InterfaceError: cannot perform operation: another operation is in progress; "
        "it was over in step 37, after it had cleaned up [session.py:52]",
    ]


def test_writes_are_lost_by_whoever_committed_a_transaction_that_no_connection_had_joined() -> None:
    proof = told(recorded("1.4.42-broken_writes"))
    assert (
        "0 “ben” committed s1’s transaction 1 while “ann” was yet to join it; no connection had joined it, so nothing "
        "was written" in proof
    )
    assert proof[-1] == (
        "17 the run ended with the rule “a task that reported success has its visit recorded” broken: “ben” had "
        "returned and had not sent a single statement; “cleo” had returned and had not sent a single statement"
    )


def test_sqlalchemy_2_refuses_whoever_comes_while_another_task_gets_a_connection() -> None:
    assert told(recorded("2.1-broken")) == [
        "0 “main” started “first”, “second” and “third”",
        "0 “first” began s1’s transaction and asked for a connection (c1)",
        "0 “second” and “third” called rollback() of s1, to clean up after an error, before “first” was done with it "
        "[session.py:54]",
        "0 “second” and “third” met InvalidRequestError: This session is provisioning a new connection; concurrent "
        "operations are not permitted; an error from session.py:51–52 was being handled, which this one hides "
        "[session.py:54]",
    ]


def test_rows_of_tasks_that_failed_are_there_by_the_commit_of_another() -> None:
    proof = told(recorded("2.1-broken_writes"))
    assert "17 “ann” committed s1, after “ben” and “cleo” had ended [session.py:52]" in proof
    assert proof[-1].startswith("17 the run ended with the rule “a task that reported failure has no visit recorded”")


def test_a_deadlock_is_told_as_the_server_saw_it() -> None:
    assert told(recorded("2.1-deadlock")) == [
        "5 “transfer” sent UPDATE on c1, in a transaction, and so kept the locks it took [deadlock.py:11]",
        "6 “transfer #2” sent UPDATE on c2, in a transaction, and so kept the locks it took [deadlock.py:11]",
        "9 “transfer” sent UPDATE on c1, which waits for a lock of c2 [deadlock.py:12]",
        "10 “transfer #2” sent UPDATE on c2, which waits for a lock of c1: that closed the circle [deadlock.py:12]",
        "11 the server broke the circle: it chose c2, and “transfer #2” had to give up",
        "11 “transfer #2” met DeadlockDetectedError: deadlock detected; "
        "it was over in step 13, after it had cleaned up [deadlock.py:12]",
    ]


PLACE = Place("app.py", 7, "work", "await session.execute(query)")
WAITS = TaskView("t1", "work", "waiting", place=PLACE, waits="a free connection of the pool")


def test_what_is_stuck_is_told_with_what_it_waits_for_and_who_has_it() -> None:
    held = ConnectionView("c1", "idle", "open", checked_out=True, owner="t2")
    other = TaskView("t2", "other", "waiting", place=replace(PLACE, line=9), waits="a future")
    steps = [Step(number, Frame(0.0, (WAITS, other), connections=(held,))) for number in range(3)]
    assert told([*steps, End("stuck", "", "", "il1:", 2)]) == [
        "0 “work” waits for a free connection of the pool; out of the pool are c1 (taken by “other”) [app.py:7]",
        "0 “other” waits for a future [app.py:9]",
    ]


def test_where_a_loop_stood_still_is_read_from_the_stack() -> None:
    step = Step(4, Frame(0.0, (WAITS,)))
    end = End("hang", "", "", "il1:", 4, detail='Stood still:\n  File "/usr/lib/threading.py", line 3 in wait\n')
    (clause,) = told([step, end])
    assert clause == "4 after this step the event loop stood still: it was in wait, threading.py line 3"


@pytest.mark.parametrize(("schedule", "through"), [("il1:", "deliver one"), ("il1:5=t", "let 1 s pass")])
def test_of_a_loop_that_stood_still_it_is_told_what_had_been_let_through(schedule: str, through: str) -> None:
    choices = (
        Choice("c1", "reply", "deliver one", ("t1",), "c1", default=True),
        Choice("t", "timer", "let 1 s pass", ("t1",)),
    )
    stack = 'Stood still:\n  File "/x/sqlalchemy/event/attr.py", line 318 in _exec_w_sync_on_first_run\n'
    end = End("hang", "", "", schedule, 4, detail=stack)
    (clause,) = why.of_journal([Step(4, Frame(0.0, (WAITS,), choices=choices)), end])
    assert clause.text.endswith(f"line 318; what had been let through was: {through}, which woke “work”")
    assert clause.place == PLACE  # where the task that woke had waited
    assert clause.gist == (
        "after “work” was woken in app.py, line 7, a call blocked the event loop and never came back: it waits for "
        "SQLAlchemy’s lock around the engine’s first connection"
    )
    # What is known of that very place is the advice; of another one only that something there does not await.
    assert remedy([clause]).startswith("Go to SQLAlchemy 1.4.51")
    (other,) = why.of_journal([Step(4, Frame(0.0, (WAITS,))), replace(end, detail="")])
    assert "asyncio.to_thread()" in remedy([other])
    assert remedy([]) == ""


def test_where_a_process_died_is_read_from_what_python_could_still_say() -> None:
    stack = 'It died of SIGABRT.\nFatal Python error: Aborted\n  File "/x/app.py", line 2 in look\n'
    end = End("crash", "", "", "il1:", 4, detail=stack)
    header = Header(1, "app.py", "step", "", None, {}, (), {"app.py": "import os\nos.abort()\n"})
    (clause,) = why.of_journal([header, Step(4, Frame(0.0, (WAITS,))), end])
    assert clause.text == "after this step the process died: it was in look, app.py line 2"
    assert clause.place == Place("app.py", 2, "look", "os.abort()")
    assert why.of_journal([header, Step(4, Frame(0.0, (WAITS,))), replace(end, detail="Killed by signal 9.")]) == ()


def test_a_connection_left_in_a_transaction_by_somebody_else_is_told_of() -> None:
    def step(number: int, *events: Event, **connection: object) -> Step:
        shown = replace(ConnectionView("c1", "idle", "open"), **connection)  # type: ignore[arg-type]
        tasks = (replace(WAITS, moved=True), replace(WAITS, id="t2", name="guilty"))
        return Step(number, Frame(0.0, tasks, connections=(shown,)), events=events)

    said = "cannot use Connection.transaction() in a manually started transaction"
    error = ErrorView("InterfaceError", said, (PLACE,))
    messages: list[Message] = [
        step(0, Event("sent", "BEGIN on c1: BEGIN", "t2", "c1"), checked_out=True),
        step(1, Event("checkin", "c1 went back to the pool", "t2", "c1")),
        step(2, Event("checkout", "c1 was taken from the pool", "t1", "c1"), checked_out=True),
        step(3, Event("task-ended", "“work” raised", "t1"), checked_out=True),
        End("error", "", "", "il1:", 3, (TaskOutcome("t1", "work", "error", errors=(error,)),)),
    ]
    assert [line.partition(" [")[0] for line in told(messages)] == [
        "0 “guilty” began a transaction on c1",
        "1 “guilty” gave c1 back to the pool, and that transaction was still open",
        "2 “work” took c1 from the pool as it was",
        f"3 “work” met InterfaceError: {said}",
    ]


def test_what_a_person_did_to_the_run_comes_first() -> None:
    drop = Choice("d:c1", "drop", "drop the connection c1", ("t1",), "c1", offered=False)
    shared = SessionView("s1", "Session", ("t1", "t2"), ("t1", "t2"))
    tasks = (replace(WAITS, moved=True, sessions=("s1",)), replace(WAITS, id="t2", name="other", sessions=("s1",)))
    place = replace(PLACE, file="sqlalchemy/orm/session.py", function="Session.execute", ours=False)
    messages: list[Message] = [
        Step(0, Frame(0.0, tasks, (shared,))),
        Step(1, Frame(0.0, tasks, (shared,)), drop, ("t1",), (Event("task-ended", "“work” raised", "t1"),)),
        End(
            "error",
            "",
            "",
            "il1:1=d:c1",
            1,
            (TaskOutcome("t1", "work", "error", errors=(ErrorView("OSError", "lost", (PLACE, place)),)),),
        ),
    ]
    assert "1 the schedule chose: drop the connection c1" in told(messages)


@pytest.mark.parametrize(
    ("detail", "named"),
    [("task = greet, said = no coupon", ["greet"]), ("coupon = 3", []), ("customer = coupon", ["coupon"])],
)
def test_a_rule_speaks_of_tasks_by_its_column_or_by_its_values(detail: str, named: list[str]) -> None:
    tasks = TaskOutcome("t1", "coupon", "value"), TaskOutcome("t2", "greet", "value")
    rules = (InvariantOutcome("nothing is lost", False, detail),)
    shown = tuple(replace(WAITS, id=task.id, name=task.name) for task in tasks)
    (line,) = told([Step(0, Frame(0.0, shown)), End("silent", "", "", "il1:", 0, tasks, rules)])
    assert [name for name in ("coupon", "greet") if f"“{name}” had returned" in line] == named


@pytest.mark.parametrize("outcome", ["ok", "stopped", "limit", "invalid"])
def test_where_nothing_failed_nothing_is_derived(outcome: str) -> None:
    assert told([Step(0, Frame(0.0, (WAITS,))), End(outcome, "", "", "il1:", 0)]) == []


def test_an_error_of_the_program_alone_has_no_proof() -> None:
    raised = TaskOutcome("t1", "work", "error", errors=(ErrorView("KeyError", "'x'", (PLACE,)),))
    step = Step(0, Frame(0.0, (replace(WAITS, state="error", moved=True),)), events=(Event("task-ended", "", "t1"),))
    assert told([step, End("error", "", "", "il1:", 0, (raised,))]) == []


def test_the_proof_as_data_names_step_and_line() -> None:
    last = why.as_data(why.of_journal(recorded("1.4.42-broken")))[-1]
    assert (last["step"], last["tasks"], last["file"], last["line"]) == (28, ["t3"], "broken.py", 16)
