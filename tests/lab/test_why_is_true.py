"""Under whatever schedule, every clause of a proof is true of its step; what a shared session breaks has a proof."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from dashboard.catalogue import incidents
from dashboard.findings import why
from dashboard.findings.why.headline import headline
from dashboard.findings.why.headline import remedy
from dashboard.findings.why.headline import turn
from dashboard.presenters.matrix import matrix
from dashboard.presenters.words import Names
from dashboard.servers.lab import drop_schema
from interlock.job import Invariant
from tests.claims import assert_true
from tests.lab.conftest import Play

SHARED = Path(__file__).parents[2] / "scenarios" / "shared_session"
SEEDS = 2
AROUND = ("started", "opened", "awaited", "left")  # told beside whatever proof it is


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
@pytest.mark.parametrize("program", ["broken", "broken_writes", "session_per_task"])
def test_every_clause_is_true_of_its_step(program: str, stack: str, play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("shared_session")
    assert found is not None
    for seed in range(SEEDS if program != "session_per_task" else 2):
        played = play(SHARED / f"{program}.py", stack, mode="random", seed=seed, invariants=found.invariants)
        proof = why.of_journal(played.messages)
        assert_true(proof, played.messages)
        assert proof or played.end.outcome == "ok", f"seed {seed}: {played.end.summary}"
        told = {one.claim for one in proof}
        assert program != "session_per_task" or told - {"fault"} == {"alone"}, why.as_lines(proof)


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
@pytest.mark.parametrize("program", ["broken", "broken_refresh"])
def test_what_was_read_too_early_is_told_with_the_commit_it_missed(
    program: str, stack: str, play: Play, lab_url: str, replica_url: str
) -> None:
    found = incidents.load([SHARED.parent]).incident("stale_read")
    assert found is not None
    ends = set()
    for how in ({}, {"mode": "random", "seed": 0}, {"mode": "random", "seed": 4}):
        played = play(
            found.folder / f"{program}.py",
            stack,
            invariants=found.invariants,
            replica=replica_url,
            replica_hosts=("reader.internal",),
            **how,
        )
        proof = why.of_journal(played.messages)
        assert_true(proof, played.messages)
        claims = [one.claim for one in proof if one.claim not in AROUND]
        ends.add(played.end.outcome)
        if played.end.outcome == "ok":
            assert "stale" not in claims
        else:
            assert claims[:2] == ["sent", "stale"], proof
            assert "COMMIT" in proof[0].text
            assert proof[0].step < proof[1].step < proof[-1].step
    assert len(ends) > 1
    drop_schema(lab_url, "test_engine", replica_url)


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_a_read_that_stood_in_the_way_of_the_replay_is_told_with_what_came_before(
    stack: str, play: Play, lab_url: str, replica_url: str
) -> None:
    program = SHARED.parent / "read_only_replica" / "long_read.py"
    played = play(program, stack, replica=replica_url, replica_hosts=("reader.internal",))
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    told = why.as_lines(proof)
    assert [one.claim for one in proof] == ["sent", "caught", "replied", "met", "awaited"], told
    assert headline(proof, played.end).startswith("The server closed c1, which leads to the replica, while “report”")
    drop_schema(lab_url, "test_engine", replica_url)


def test_a_deadlock_names_both_sides_and_the_victim(play: Play) -> None:
    played = play("deadlock")
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof if one.claim not in AROUND] == ["sent", "sent", "sent", "sent", "replied", "met"]


def test_locks_that_a_helper_takes_are_told_with_the_calls_in_the_tasks(play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("lock_order")
    assert found is not None
    for program in found.programs:
        played = play(program.path, schedule=program.expectations["sqlalchemy-2.1"].schedule)
        proof = why.of_journal(played.messages)
        assert_true(proof, played.messages)
        if program.name == "broken":
            begun, *clauses = (one for one in proof if one.place is not None)
            assert [place.text.split('"')[1] for place in begun.places] == ["rent", "refund"]
            calls = ["await change(session, source, -amount)"] * 2 + ["await change(session, target, amount)"] * 3
            assert [one.places[0].text for one in clauses] == calls, why.as_lines(proof)
            assert {one.places[1].function for one in clauses} == {"change"}


def test_of_two_that_wait_for_each_other_it_is_told_who_has_the_lock_of_asyncio(play: Play) -> None:
    played = play(SHARED.parent / "deadlock_unseen" / "broken.py")
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    waits = {one.tasks[0]: one.text for one in proof if one.claim == "waits"}
    taken = "an asyncio lock that “return” took at broken.py:28"
    assert waits[played.task("sale").id] == f"“sale” waits for {taken}"
    assert f"“sale” holds, and “sale” waits for {taken}: nothing" in headline(proof, played.end)


@pytest.mark.parametrize(
    ("program", "claims", "said"),
    [
        ("wait_for_replica", ["fresh", "fresh"], "the replica, which had caught up in step "),
        ("pinned", ["primary", "primary"], "the primary, while the replica was "),
    ],
)
def test_how_a_fix_read_while_the_replica_lagged(
    program: str, claims: list[str], said: str, play: Play, lab_url: str, replica_url: str
) -> None:
    path = SHARED.parent / "stale_read" / f"{program}.py"
    for how in ({}, {"mode": "random", "seed": 0}):
        played = play(path, replica=replica_url, replica_hosts=("reader.internal",), **how)
        proof = why.of_journal(played.messages)
        assert_true(proof, played.messages)
        told = [one for one in proof if one.claim in ("fresh", "primary")]
        if not how:
            assert [one.claim for one in told] == claims, why.as_lines(proof)
            assert all(said in one.text and one.place for one in told)
    drop_schema(lab_url, "test_engine", replica_url)


def test_what_one_task_alone_did_and_what_was_only_sampled_is_told_as_that(play: Play) -> None:
    played = play(SHARED.parent / "detached" / "loaded.py")
    (clause,) = why.of_journal(played.messages)
    assert_true([clause], played.messages)
    assert clause.text == "“page” had session s1: no other task used any"
    played = play(SHARED.parent / "commit_unknown" / "waited_for.py", mode="natural")
    (clause,) = (one for one in why.of_journal(played.messages) if one.claim in ("in turn", "alone"))
    assert_true([clause], played.messages)
    assert "used session s1, and in no picture were two of them inside it" in clause.text


def test_whoever_disposed_of_an_engine_is_named_where_its_next_first_connection_freezes_the_loop(play: Play) -> None:
    played = play(SHARED.parent / "dispose_freezes_loop" / "broken.py", "sqlalchemy-1.4.42")
    assert played.end.outcome == "hang"
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["disposed", "stood"], why.as_lines(proof)
    assert proof[0].text.startswith("“main” called dispose()")
    assert proof[0].place is not None
    assert proof[0].place.text == "await engine.dispose()"


def test_what_was_written_outside_of_a_transaction_was_committed_at_once(play: Play) -> None:
    rule = Invariant("who reports a deposit has made none", "select task from outcome where task = 'deposit'")
    played = play("autocommit", invariants=(rule,))
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["sent", "broken"], why.as_lines(proof)
    assert proof[0].text.endswith("which was committed at once, since no transaction was open")


def test_a_transaction_that_had_failed_before_names_the_statement_with_which_it_did(play: Play) -> None:
    played = play("refused_and_on")
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["sent", "sent", "met"], why.as_lines(proof)
    assert "INSERT on c1, which the server refused: duplicate key" in proof[0].text
    assert "UPDATE on c1" in proof[1].text


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_a_stream_that_reads_on_spoils_the_transaction_of_whoever_has_its_connection(stack: str, play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("stream_and_commit")
    assert found is not None
    played = play(found.folder / "broken_borrowed.py", stack, invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    claims = ["sent", "sent", "took", "sent", "sent", "met", "sent", "replied", "broken"]
    assert [one.claim for one in proof] == claims, why.as_lines(proof)
    who, victim = played.task("newsletter").id, played.task("ben").id
    assert [one.tasks for one in proof[2:7]] == [(victim,), (victim,), (who,), (who,), (victim,)]
    assert headline(proof, played.end) == (
        "“newsletter” read on in a stream after its commit, on a connection that “ben” had by then, so “newsletter” "
        "failed; later “ben” committed a transaction that had failed, which the server rolls back."
    )


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_whoever_is_given_a_poisoned_connection_is_named_beside_who_left_it_so(stack: str, play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("poisoned_pool")
    of = found.program("broken") if found else None
    assert found is not None
    assert of is not None
    played = play(of.path, stack, schedule=of.expectations[stack].schedule, invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    said = headline(proof, played.end)
    assert said.endswith("so “authorise” failed, and then “ben” and “cleo” on the same connection."), said
    (given,) = (one for one in proof if one.claim == "returned")
    (got,) = (one for one in proof if one.claim == "took")
    assert (given.tasks, given.place) == ((played.task("authorise").id,), None)  # it stood in the sleep that had ended
    assert (got.tasks, got.connections) == ((played.task("ben").id,), given.connections)


def test_a_write_on_a_connection_that_another_task_had_given_back(play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("lost_in_commit")
    of = found.program("broken") if found else None
    assert found is not None
    assert of is not None
    stack = "sqlalchemy-1.4.42"
    played = play(of.path, stack, schedule=of.expectations[stack].schedule, invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    ended, returned, sent, broken = proof[-4:]
    claims = [one.claim for one in (ended, returned, sent, broken)]
    assert claims == ["ended", "returned", "sent", "broken"], why.as_lines(proof)
    assert (ended.tasks[0], returned.tasks) == (played.task("ann").id, (played.task("ann").id,))
    assert (sent.tasks, sent.connections) == ((played.task("ben").id,), returned.connections)
    left = [one.id for one in played.steps[-1].frame.connections if one.pooled and one.transaction == "open"]
    assert tuple(left) == returned.connections
    columns = matrix(played.steps[-1].frame, None, Names()).columns
    assert [one.id for one in columns if one.left] == left
    of = found.program("session_per_task")
    assert of is not None
    for frame in (step.frame for step in play(of.path, stack).steps):
        assert not any(one.left for one in matrix(frame, None, Names()).columns)
    assert all(one.pooled for one in frame.connections)


def test_what_was_taken_after_the_answer_is_told_as_that(play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("after_response")
    of = found.program("broken") if found else None
    assert of is not None
    played = play(of.path, "sqlalchemy-2.0", requests=of.requests)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["took", "took", "waits", "met"], why.as_lines(proof)
    assert all("from the pool for s" in one.text and "after its answer had been sent" in one.text for one in proof[:2])


@pytest.mark.parametrize(
    ("program", "claims"), [("stuck", ["waits"]), ("lost_update", []), ("for_update", ["blocked", "replied"])]
)
def test_programs_without_any_session(program: str, claims: list[str], play: Play) -> None:
    played = play(program)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert list(dict.fromkeys(one.claim for one in proof)) == claims


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.1"])
def test_what_is_tried_again_on_one_more_loop_met_an_error_of_its_own(stack: str, play: Play) -> None:
    played = play("tried_again", stack)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    second, third = (played.task(name) for name in ("work #2", "work #3"))
    met = {one.tasks[0]: one.text for one in proof if one.claim == "met"}
    assert "attached to a different loop" in met[second.id]
    assert "another operation is in progress" in met[third.id]
    assert not any("loop" in error.message for error in third.errors)
    began = next(one for one in proof if "began a transaction" in one.text)
    assert began.tasks == (second.id,), why.as_lines(proof)


def test_a_fault_is_told_as_the_choice_of_whoever_drove_the_run(play: Play) -> None:
    faults = itertools.product(("x:t3", "k:c1"), (5, 12))
    for token, step in faults:
        played = play(SHARED / "session_per_task.py", schedule=f"il1:{step}={token}")
        assert_true(why.of_journal(played.messages), played.messages)


@pytest.mark.parametrize(
    ("step", "while_it"), [(1, ""), (14, ", while “place_order” was in a transaction"), (15, " its COMMIT")]
)
def test_a_death_that_was_asked_for_is_told_with_what_was_open(step: int, while_it: str, play: Play) -> None:
    played = play(SHARED.parent / "commit_unknown" / "broken.py", schedule=f"il1:{step}=e")
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert played.end.outcome == "crash"
    assert [one.claim for one in proof] == [*(["sent"] if while_it else []), "fault"], why.as_lines(proof)
    said = headline(proof, played.end)
    assert said.startswith("The process died because it was asked to"), said
    assert said.endswith(f"{while_it}."), said


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("commit_of_aborted/broken", ["sent", "sent", "sent", "replied", "broken"]),
        ("commit_unknown/broken", ["sent", "fault", "replied", "cancelled", "sent", "sent", "since", "broken"]),
        ("deadlock_unseen/broken_alone", ["waits", "sent", "blocked", "waits"]),
        ("detached/broken", ["ended", "met"]),
        ("failed_flush_poisons/broken", ["sent", "replied", "refused", "met", "broken"]),
        (
            "gathered_writes/broken_retry",
            ["asked", "refused", "met", "sent", "sent", "sent", "since", "sent", "broken"],
        ),
        ("idle_in_transaction/time_limit", ["sent", "fault", "met"]),
        ("lazy_load/broken", ["sent", "met"]),
        ("lazy_load/broken_after_commit", ["sent", "sent", "called", "called", "met", "broken"]),
        ("left_on_connection/broken", ["sent", "returned", "took", "sent", "since", "broken"]),
        ("left_on_connection/broken_lock", ["waits", "sent", "blocked", "waits", "returned"]),
        ("lost_update/broken", ["sent", "sent", "sent", "sent", "since", "broken"]),
        ("never_closed/broken", ["took", "took", "waits", "met"]),
        ("parallel_transaction/broken", ["called", "refused", "met"]),
        (
            "poisoned_pool/broken",
            ["sent", "sent", "fault", "refused", "returned", "ended", "met", "took", "met", "broken"],
        ),
        ("reader_bind/broken", ["sent", "sent", "sent", "since", "broken"]),
        ("schema_changed/broken", ["sent", "sent", "sent", "met"]),
        ("schema_changed/broken_enum", ["sent", "sent", "sent", "met"]),
        ("serialization_failure/broken", ["sent", "sent", "sent", "sent", "replied", "met"]),
        ("serialization_failure/broken_retry", ["sent", "sent", "sent", "sent", "sent", "since", "broken"]),
        ("shared_savepoints/broken", ["sent", "sent", "sent", "sent", "broken"]),
        ("shielded/broken", ["sent", "fault", "refused", "met", "met"]),
        ("sibling_commits/broken", ["sent", "called", "since", "ended", "broken"]),
        ("sibling_expires/broken", ["sent", "called", "called", "met"]),
        ("sibling_rolls_back/broken", ["sent", "sent", "ended", "broken"]),
        ("siblings_outlive/broken", ["sent", "failed", "refused", "since", "met", "broken"]),
        ("stream_and_commit/broken", ["sent", "sent", "met"]),
        ("stream_and_commit/broken_meanwhile", ["inside", "refused", "met"]),
        ("torn_commit/broken", ["sent", "since", "sent", "broken"]),
        ("two_loops/broken", ["asked", "used", "met"]),
        ("use_after_close/broken", ["ended", "refused", "met"]),
        ("use_after_close/closed_for_good", ["ended", "refused", "met"]),
        ("use_after_close/broken_silent", ["ended", "called", "sent", "since", "broken"]),
        # What fixes have met, and how they came through it.
        ("lock_order/one_order", ["blocked", "replied", "alone"]),
        ("lock_order/retry", ["blocked", "replied", "replied", "blocked", "sent", "replied", "alone"]),
        ("serialization_failure/retried", ["replied", "sent", "alone"]),
        ("timeout_then_commit/start_over", ["fault", "in turn"]),
    ],
)
def test_what_a_proof_tells_of_each_family(name: str, claims: list[str], play: Play) -> None:
    incident, _, program = name.partition("/")
    found = incidents.load([SHARED.parent]).incident(incident)
    assert found is not None
    of = found.program(program)
    assert of is not None
    played = play(of.path, schedule=of.expectations["sqlalchemy-2.1"].schedule, invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof if one.claim not in AROUND] == claims, why.as_lines(proof)


@pytest.mark.parametrize(
    ("name", "ender", "line"),
    [
        ("gathered_writes/broken", "ben", "await session.commit()"),
        ("request_session/broken_stream", "download", "await session.remove()"),
        ("siblings_outlive/broken", "page", "async with AsyncSession(engine) as first"),
    ],
)
def test_the_line_that_ended_a_transaction_is_named_though_nobody_stood_in_it(
    name: str, ender: str, line: str, play: Play
) -> None:
    incident, _, program = name.partition("/")
    found = incidents.load([SHARED.parent]).incident(incident)
    of = found.program(program) if found else None
    assert of is not None
    stack = "sqlalchemy-1.4.42"
    played = play(of.path, stack, schedule=of.expectations[stack].schedule, requests=of.requests)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    ended = next(one for one in proof if one.claim == "ended")
    assert ended.tasks[0] == played.task(ender).id
    assert ended.place is not None, why.as_lines(proof)
    assert ended.place.text.startswith(line)
    assert not any("of second" in one.text or "of third" in one.text for one in proof)  # other requests' own ends


@pytest.mark.parametrize("stack", ["sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_a_request_that_failed_in_cleaning_up_after_its_tasks_is_told_of(stack: str, play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("request_session")
    of = found.program("broken") if found else None
    assert of is not None
    played = play(of.path, stack, requests=of.requests)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.tasks[0] for one in proof if one.claim == "met"][-1] == played.task("names").id, why.as_lines(proof)
    assert headline(proof, played.end).endswith("failed, and then “names”.")


def test_a_stream_that_goes_on_in_the_step_in_which_another_task_fails(play: Play) -> None:
    played = play(SHARED.parent / "stream_and_commit" / "broken_meanwhile.py", "sqlalchemy-1.4.42")
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof if one.claim not in AROUND] == ["inside", "replied", "met"], why.as_lines(proof)


def test_what_a_scrambled_answer_made_of_the_data(play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("scrambled_returning")
    assert found is not None
    played = play(found.folder / "broken.py", "sqlalchemy-2.0.51", schedule="il1:20=c2", invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    told = why.as_lines(proof)
    assert [one.claim for one in proof] == ["sent", "sent", "replied", "sent", "since", "sent", "sent", "broken"], told
    assert "the very same statement at the same time" in told[1]
    assert "before that on c1, which was asked first" in told[2]
    commits = (told[3], *told[5:7])
    assert all("committed the UPDATE of step" in line and "and the INSERT of step" in line for line in commits)


def test_a_price_that_changed_between_the_parts_of_an_order(play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("parallel_transaction")
    assert found is not None
    played = play(found.folder / "broken.py", "sqlalchemy-1.4.42", schedule="il1:1=c3", invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["started", "opened", "inside", "sent", "sent", "sent", "since", "broken"]
    read, commit, again, broken = proof[3:7]
    assert commit.tasks == (played.task("price").id,)
    assert "committed the UPDATE" in commit.text
    assert read.step < commit.step < again.step < broken.step


@pytest.mark.parametrize(
    ("program", "left", "instead"),
    [("broken", "a setting", "SET LOCAL"), ("broken_temp_table", "a temporary table", "ON COMMIT DROP")],
)
def test_what_was_left_on_a_connection_is_told_of_the_line_that_left_it(
    program: str, left: str, instead: str, play: Play
) -> None:
    found = incidents.load([SHARED.parent]).incident("left_on_connection")
    assert found is not None
    played = play(found.folder / f"{program}.py", invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    first, second = (task.name for task in played.end.tasks[1:])
    said = f"“{first}” left {left} on connection c1, which “{second}” was given next, and no task failed."
    assert headline(proof, played.end) == said
    assert instead in remedy(proof)
    turned = turn(proof)
    assert turned is not None
    assert turned.tasks == (played.task(first).id,)


def test_whoever_else_writes_to_the_replica_is_told_of_too(play: Play, replica_url: str) -> None:
    found = incidents.load([SHARED.parent]).incident("read_only_replica")
    assert found is not None
    hosts = ("reader.internal",)
    played = play(found.folder / "broken.py", replica=replica_url, replica_hosts=hosts, invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["sent"] * 3 + ["replied", "met"] * 3, why.as_lines(proof)
    assert headline(proof, played.end) == (
        "“visit” sent its INSERT to the replica, which takes no writes, so “visit” failed, and then “sell” and "
        "“ticket”."
    )


def test_a_lookup_that_fails_is_told_with_what_was_dropped(play: Play) -> None:
    played = play(SHARED.parent / "schema_changed" / "broken_enum.py")
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    (changed,) = (one for one in proof if "changed the schema" in one.text)
    assert "sent DROP" in changed.text
    assert changed.place is not None
    assert "drop type" in changed.place.text


def test_what_was_written_outside_of_a_transaction_is_seen_by_other_connections(play: Play) -> None:
    found = incidents.load([SHARED.parent]).incident("parallel_transaction")
    assert found is not None
    played = play(found.folder / "two_phase.py", schedule="il1:17=c1", invariants=found.invariants)
    proof = why.of_journal(played.messages)
    assert_true(proof, played.messages)
    assert [one.claim for one in proof] == ["sent", "sent", "sent", "since", "broken"], why.as_lines(proof)
    assert "price" in headline(proof, played.end)
