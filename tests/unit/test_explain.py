"""Error texts as the libraries really write them, and the paragraph that each gets."""

# Texts stand in one piece, as they are found in a log.
# ruff: noqa: E501

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dashboard.findings import explain
from dashboard.findings.why import Clause
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import Header
from interlock.frame import InvariantOutcome
from interlock.frame import TaskOutcome

V14, V200, V2, V21 = "1.4.42", "2.0.0", "2.0.58", "2.1.9"
ALL = (V14, V2, V21)

TWOPHASE = "'NoneType' object has no attribute 'twophase'"
ISCE = "This session is provisioning a new connection; concurrent operations are not permitted"
BUSY = "cannot perform operation: another operation is in progress"

TEXTS = [
    ("A1", (V14,), "AttributeError: 'NoneType' object has no attribute 'twophase'"),
    ("A1", (V14,), "AttributeError: 'NoneType' object has no attribute '_new'"),
    ("A1", (V14,), "AttributeError: 'NoneType' object has no attribute 'dispatch'"),
    ("A1", (V14,), "AttributeError: 'NoneType' object has no attribute '_iterate_self_and_parents'"),
    ("A1", (V14,), "sqlalchemy.exc.InvalidRequestError: This transaction is inactive"),
    ("A1", (V14,), "SAWarning: transaction already deassociated from connection"),
    (
        "A1",
        (V14,),
        "SAWarning: Session's state has been changed on a non-active transaction - this state will be discarded.",
    ),
    (
        "A1",
        (V200, "2.0.16"),
        "sqlalchemy.exc.IllegalStateChangeError: While method '_connection_for_bind()' was running, method '_connection_for_bind()' caused an unexpected state change to <SessionTransactionState.CLOSED: 5>",
    ),
    (
        "A1",
        ("2.0.17", V2),
        "sqlalchemy.exc.InvalidRequestError: This session is provisioning a new connection; concurrent operations are not permitted (Background on this error at: https://sqlalche.me/e/20/isce)",
    ),
    (
        "A1",
        (V21,),
        "sqlalchemy.exc.InvalidRequestError: This session is provisioning a new connection; concurrent operations are not permitted (Background on this error at: https://sqlalche.me/e/21/isce)",
    ),
    (
        "A1",
        (V2, V21),
        "sqlalchemy.exc.IllegalStateChangeError: Method 'close()' can't be called here; method '_connection_for_bind()' is already in progress and this would cause an unexpected state change to <SessionTransactionState.CLOSED: 5>",
    ),
    (
        "A1",
        (V2, V21),
        "sqlalchemy.exc.IllegalStateChangeError: Method 'commit()' can't be called here; method '_prepare_impl()' is already in progress and this would cause an unexpected state change to <SessionTransactionState.CLOSED: 5>",
    ),
    (
        "A1",
        (V2, V21),
        "sqlalchemy.exc.IllegalStateChangeError: Method 'rollback()' can't be called here; method '_begin()' is already in progress and this would cause an unexpected state change to <SessionTransactionState.CLOSED: 5>",
    ),
    (
        "A1",
        ALL,
        "sqlalchemy.exc.InvalidRequestError: This session is in 'prepared' state; no further SQL can be emitted within this transaction.",
    ),
    (
        "A1",
        (V14,),
        "sqlalchemy.exc.InvalidRequestError: This session is in 'inactive' state, due to the SQL transaction being rolled back",
    ),
    ("A2", ALL, "sqlalchemy.exc.ResourceClosedError: This transaction is closed"),
    ("A7", ALL, "asyncpg.exceptions._base.InterfaceError: cannot perform operation: another operation is in progress"),
    (
        "A7",
        (V14, V2),
        "sqlalchemy.exc.InterfaceError: (sqlalchemy.dialects.postgresql.asyncpg.InterfaceError) <class 'asyncpg.exceptions._base.InterfaceError'>: cannot perform operation: another operation is in progress\n(Background on this error at: https://sqlalche.me/e/20/rvf5)",
    ),
    (
        "A7",
        (V21,),
        "sqlalchemy.exc.InterfaceError: (sqlalchemy.dialects.postgresql.asyncpg.InterfaceError) cannot perform operation: another operation is in progress",
    ),
    ("A7", ALL, "asyncpg.exceptions._base.InternalClientError: got result for unknown protocol state 3"),
    (
        "A7b",
        ALL,
        "asyncpg.exceptions._base.InterfaceError: cannot use Connection.transaction() in a manually started transaction",
    ),
    ("A7b", ALL, "asyncpg.exceptions.NoActiveSQLTransactionError: SAVEPOINT can only be used in transaction blocks"),
    ("A8", ALL, "sqlalchemy.exc.InvalidRequestError: Session is already flushing"),
    (
        "A8",
        ALL,
        "SAWarning: Usage of the 'Session.add()' operation is not currently supported within the execution stage of the flush process. Results may not be consistent.",
    ),
    (
        "A8",
        (V2, V21),
        "SAWarning: Attribute history events accumulated on 1 previously clean instances within inner-flush",
    ),
    ("A9", ALL, "sqlalchemy.exc.InvalidRequestError: A transaction is already begun on this Session."),
    (
        "A9",
        ALL,
        "sqlalchemy.exc.InvalidRequestError: Can't operate on closed transaction inside context manager.  Please complete the context manager before emitting further commands.",
    ),
    ("A10", (V14,), "TypeError: 'NoneType' object does not support item assignment"),
    ("A10", (V14,), "SAWarning: nested transaction already deassociated from connection"),
    (
        "A12",
        ALL,
        "sqlalchemy.exc.PendingRollbackError: This Session's transaction has been rolled back due to a previous exception during flush. To begin a new transaction with this Session, first issue Session.rollback(). Original exception was: x",
    ),
    (
        "B2",
        (V2, V21),
        "sqlalchemy.exc.InvalidRequestError: This Session has been permanently closed and is unable to handle any more transaction requests.",
    ),
    (
        "B6",
        (V2, V21),
        "SAWarning: The garbage collector is trying to clean up non-checked-in connection <AdaptedConnection <...>>, which will be terminated.",
    ),
    ("B6", (V14,), "RuntimeWarning: coroutine 'Transaction.rollback' was never awaited"),
    ("B7", ALL, "RuntimeWarning: coroutine 'AsyncSession.commit' was never awaited"),
    ("C1", ALL, "sqlalchemy.exc.PendingRollbackError: Can't reconnect until invalid transaction is rolled back."),
    ("C1", ALL, "asyncpg.exceptions.QueryCanceledError: canceling statement due to statement timeout"),
    ("C1", ALL, "TimeoutError: "),
    ("C1", ALL, "asyncio.exceptions.TimeoutError: "),
    (
        "D1",
        ALL,
        "sqlalchemy.exc.TimeoutError: QueuePool limit of size 3 overflow 0 reached, connection timed out, timeout 30.00",
    ),
    ("D3", ALL, "asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already"),
    ("D5", ALL, "asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of operation"),
    ("D5", ALL, "asyncpg.exceptions._base.InterfaceError: connection is closed"),
    (
        "D5",
        (V21,),
        "sqlalchemy.exc.InterfaceError: (sqlalchemy.dialects.postgresql.asyncpg.InterfaceError) connection is closed",
    ),
    ("E1", ALL, "RuntimeError: Task <Task pending> got Future <Future pending> attached to a different loop"),
    ("E1", ALL, "RuntimeError: <Queue at 0x…01 maxsize=1> is bound to a different event loop"),
    ("E1", ALL, "RuntimeError: Event loop is closed"),
    ("E2", ALL, "AttributeError: 'NoneType' object has no attribute 'cancelled'"),
    (
        "F1",
        ALL,
        'asyncpg.exceptions.DuplicatePreparedStatementError: prepared statement "__asyncpg_stmt_1__" already exists',
    ),
    ("F2", ALL, "asyncpg.exceptions.InternalServerError: cache lookup failed for type 24601"),
    (
        "G1",
        (V14, V2),
        "sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called; can't call await_only() here.",
    ),
    ("G1", (V21,), "sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called; can't call await_() here."),
    (
        "G1",
        (V14,),
        "Exception during reset or similar sqlalchemy.exc.MissingGreenlet: greenlet_spawn has not been called; can't call await_only() here.",
    ),
    (
        "G2",
        ALL,
        "sqlalchemy.orm.exc.DetachedInstanceError: Parent instance <User at 0x…01> is not bound to a Session; lazy load operation of attribute 'visits' cannot proceed",
    ),
    (
        "G3",
        ALL,
        "sqlalchemy.exc.InvalidRequestError: Object '<User at 0x…01>' is already attached to session '1' (this is '2')",
    ),
    (
        "G5",
        ALL,
        "asyncpg.exceptions.InFailedSQLTransactionError: current transaction is aborted, commands ignored until end of transaction block",
    ),
    (
        "H2",
        ALL,
        "sqlalchemy.orm.exc.StaleDataError: UPDATE statement on table 'x' expected to update 1 row(s); 0 were matched.",
    ),
    ("H3", ALL, "asyncpg.exceptions.DeadlockDetectedError: deadlock detected"),
    (
        "H3",
        (V14, V2),
        "sqlalchemy.exc.DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) <class 'asyncpg.exceptions.DeadlockDetectedError'>: deadlock detected\nDETAIL:  Process 1 waits for ShareLock on transaction 2; blocked by process 3.",
    ),
    ("H6", ALL, "asyncpg.exceptions.SerializationError: could not serialize access due to concurrent update"),
    ("H7", ALL, 'asyncpg.exceptions.LockNotAvailableError: could not obtain lock on row in relation "x"'),
    ("I1", ALL, "sqlalchemy.exc.InvalidRequestError: Could not refresh instance '<User at 0x…01>'"),
    ("I3", ALL, "asyncpg.exceptions.ReadOnlySQLTransactionError: cannot execute INSERT in a read-only transaction"),
    ("J1", ALL, "asyncpg.exceptions.NoActiveSQLTransactionError: cursor cannot be created outside of a transaction"),
    ("J1", ALL, 'asyncpg.exceptions.InvalidCursorNameError: portal "__asyncpg_portal_6__" does not exist'),
    ("2PC", ALL, "asyncpg.exceptions.ObjectNotInPrerequisiteStateError: prepared transactions are disabled"),
]


@pytest.mark.parametrize(("family", "versions", "text"), TEXTS)
def test_each_text_is_recognised_on_the_versions_that_write_it(
    family: str, versions: tuple[str, ...], text: str
) -> None:
    for version in (*versions, ""):
        symptom = explain.diagnose(text, version)
        assert symptom is not None, f"{text} on {version or 'an unknown version'}"
        assert symptom.family == family


@pytest.mark.parametrize(
    "text",
    [
        "ZeroDivisionError: division by zero",
        "ValueError: no such user",
        'asyncpg.exceptions.UniqueViolationError: duplicate key value violates unique constraint "users_pkey"',
        "AssertionError: ",
        "myapp.BookingTimeoutError: too late",
    ],
)
def test_errors_of_the_application_are_left_alone(text: str) -> None:
    assert explain.diagnose(text, V14) is None


def test_a_text_of_another_version_is_not_recognised() -> None:
    assert explain.diagnose(f"AttributeError: {TWOPHASE}", V2) is None
    assert explain.diagnose(f"InvalidRequestError: {ISCE}", V14) is None


def test_every_entry_is_whole() -> None:
    for symptom in explain.symptoms():
        for text in (symptom.means, symptom.why, symptom.advice):
            assert re.fullmatch(r"[A-Z\[`].*[.]", text), f"{symptom.title}: {text!r} is not made of sentences"
        assert not symptom.title.endswith(".")
        assert symptom.links
        assert all(link.startswith("https://") for link in symptom.links)


def error(kind: str, message: str, link: str = "") -> ErrorView:
    return ErrorView(kind, message, link=link)


def failed(name: str, *errors: ErrorView) -> TaskOutcome:
    return TaskOutcome(f"t-{name}", name, "error", errors=errors)


def end(*tasks: TaskOutcome, outcome: str = "error", rules: tuple[InvariantOutcome, ...] = (), detail: str = "") -> End:
    return End(outcome, "00000000", "", "il1:", 31, tasks, rules, detail)


def header(version: str) -> Header:
    return Header(1, "broken.py", "replay", "il1:", None, {"sqlalchemy": version}, ())


def explained(what: End, version: str = V14, proof: tuple[Clause, ...] = ()) -> explain.Explanation:
    found = explain.explain(what, header(version), proof)
    assert found is not None
    return found


def test_the_task_that_raised_is_named_and_not_only_the_one_that_passed_it_on() -> None:
    twophase = error("AttributeError", TWOPHASE)
    found = explained(end(failed("main", twophase), TaskOutcome("t2", "first", "value"), failed("second", twophase)))
    assert (found.family, found.task, found.error) == ("A1", "second", f"AttributeError: {TWOPHASE}")
    assert found.text.startswith(f"“second” met AttributeError: {TWOPHASE}; so did “main”. ")
    assert "Two-phase commit has nothing to do with it." in found.text


def test_where_a_proof_says_which_error_came_first_that_one_is_explained() -> None:
    close = "Method 'close()' can't be called here; method '_connection_for_bind()' is already in progress"
    came_of_it = failed("names", error("sqlalchemy.exc.IllegalStateChangeError", close))
    came_first = failed("find_name", error("sqlalchemy.exc.InvalidRequestError", ISCE))
    proof = (Clause("refused", 1, "", ("t-find_name",)), Clause("met", 1, "", ("t-find_name",)))
    what = end(TaskOutcome("t-server", "server", "value"), came_of_it, came_first)
    assert explained(what, V21).task == "names"
    assert explained(what, V21, proof).error == f"InvalidRequestError: {ISCE}"


def test_of_a_chain_the_first_error_is_explained_and_the_last_one_named() -> None:
    new = error("AttributeError", "'NoneType' object has no attribute '_new'")
    found = explained(end(failed("main", new, error("AttributeError", TWOPHASE, "context"))))
    assert found.error == f"AttributeError: {TWOPHASE}"
    assert (
        "That is the first error; the one that the traceback ends with, AttributeError: 'NoneType' object has no "
        in found.text
    )


def test_an_error_of_the_application_that_a_known_one_hides_is_named_as_the_first() -> None:
    chain = error("sqlalchemy.exc.InterfaceError", BUSY), error("ZeroDivisionError", "division by zero", "context")
    found = explained(end(failed("main", *chain)), V21)
    assert found.family == "A7"
    assert "the first error was ZeroDivisionError: division by zero, which this one hides" in found.text


def test_the_wrapping_of_a_drivers_error_is_no_second_error() -> None:
    inner = error("asyncpg.exceptions.DeadlockDetectedError", "deadlock detected", "cause")
    outer = error("sqlalchemy.exc.DBAPIError", "(sqlalchemy.dialects.postgresql.asyncpg.Error) deadlock detected")
    found = explained(end(failed("main", outer, inner)), V21)
    assert found.family == "H3"
    assert "first error" not in found.text


def test_the_wrapping_of_2_1_leaves_out_the_detail_and_is_no_second_error_either() -> None:
    driver = error("asyncpg.exceptions.SerializationError", "could not serialize access\nDETAIL:  Reason code: pivot.")
    wrapped = error(
        "sqlalchemy.exc.DBAPIError", "(sqlalchemy.dialects.postgresql.asyncpg.Error) could not serialize access"
    )
    assert "only came of it" not in explained(end(failed("ben", wrapped, driver)), "2.1.9").text


def test_a_cancellation_inside_of_a_time_out_is_not_the_first_error() -> None:
    chain = error("TimeoutError", ""), error("asyncio.exceptions.CancelledError", "", "cause")
    assert explained(end(failed("main", *chain))).error == "TimeoutError"


def test_a_task_that_failed_is_found_behind_a_group_of_exceptions() -> None:
    group = error("ExceptionGroup", "unhandled errors in a TaskGroup (1 sub-exception)")
    assert (
        explained(end(failed("main", group), failed("ben", error("sqlalchemy.exc.InvalidRequestError", ISCE))), V2).task
        == "ben"
    )


def test_an_unknown_error_is_quoted_and_admitted() -> None:
    found = explained(end(failed("main", error("shop.NoStock", "no more of these"))))
    assert found.family == ""
    assert found.title == "NoStock in task “main”"
    assert "NoStock: no more of these" in found.text


def test_broken_rules_are_told_beside_an_error() -> None:
    rules = InvariantOutcome("a task that reported success has its row", False), InvariantOutcome("another", True)
    found = explained(end(failed("ann", error("AttributeError", TWOPHASE)), rules=rules))
    assert found.text.endswith("The run breaks the rule “a task that reported success has its row” as well.")


def test_silence_is_told_by_its_rules() -> None:
    found = explained(
        end(TaskOutcome("t1", "main", "value"), outcome="silent", rules=(InvariantOutcome("three rows", False),))
    )
    assert "No task failed with an error, yet the data breaks the rule “three rows”." in found.text


@pytest.mark.parametrize("outcome", ["hang", "crash", "diverged", "stuck", "limit", "invalid", "interrupted"])
def test_every_other_end_has_its_paragraph(outcome: str) -> None:
    pending = TaskOutcome("t1", "main", "pending"), TaskOutcome("t2", "ben", "pending")
    found = explained(end(*pending, outcome=outcome, detail="Killed by signal 9\nand more"))
    assert found.title
    assert "{" not in found.text
    if outcome in ("hang", "stuck", "limit"):
        assert "“main” and “ben”" in found.text
    if outcome in ("crash", "diverged", "limit"):
        assert "Killed by signal 9." in found.text


def test_a_hang_is_told_with_the_place_where_it_stands() -> None:
    stack = 'Current thread 0x1 (most recent call first):\n  File "/w/blocks.py", line 11 in main\n  File "/a.py", line 1 in run'
    found = explained(end(outcome="hang", detail=f"The event loop stood still for 5 s.\n{stack}"))
    assert " It stands in main, blocks.py line 11. " in found.text
    assert "Unfinished" not in found.text


def test_a_syntax_error_is_told_with_its_line_and_its_name() -> None:
    detail = (
        'The program raised: File "/w/broken.py", line 3\n    async def main(:\n        ^\nSyntaxError: invalid syntax'
    )
    found = explained(end(outcome="invalid", detail=detail))
    assert found.text.startswith('The program raised: File "/w/broken.py", line 3: SyntaxError: invalid syntax. ')


@pytest.mark.parametrize("outcome", ["ok", "stopped"])
def test_what_went_well_needs_no_explanation(outcome: str) -> None:
    assert explain.explain(end(outcome=outcome), header(V14)) is None


def test_a_death_that_was_asked_for_is_told_as_that() -> None:
    died = replace(end(outcome="crash", rules=(InvariantOutcome("all of it", False),)), schedule="il1:7=c2,31=e")
    found = explained(died)
    assert found.title == "The process died because it was asked to"
    assert "What it left breaks the rule “all of it”." in found.text
