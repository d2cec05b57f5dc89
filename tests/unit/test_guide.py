"""Finding an incident by what was seen of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.catalogue import incidents
from dashboard.catalogue.guide import first_known
from dashboard.catalogue.guide import look_up

ROOT = Path(__file__).parents[2]
SCENARIOS = incidents.load([ROOT / "scenarios"]).incidents

TRACEBACK = """\
InvalidRequestError: This session is provisioning a new connection; concurrent operations are not permitted

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "app.py", line 12, in save
    await session.rollback()
sqlalchemy.exc.IllegalStateChangeError: Method 'rollback()' can't be called here; method '_connection_for_bind()' is
already in progress and this would cause an unexpected state change to <SessionTransactionState.CLOSED: 5>
"""

SHARED = "sqlalchemy.exc.IllegalStateChangeError: Method 'close()' can't be called here; method "
QUEUE = (
    "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00"
)
DRIVER = "sqlalchemy.exc.DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) "
PASTED = [  # the line as it stands in a log, the family it belongs to, and the incidents one of which has to come first
    ("AttributeError: 'NoneType' object has no attribute 'twophase'", "A1", ["shared_session"]),
    ("AttributeError: 'NoneType' object has no attribute '_new'", "A1", ["shared_session"]),
    ("AttributeError: 'NoneType' object has no attribute 'dispatch'", "A1", ["shared_session"]),
    ("AttributeError: 'NoneType' object has no attribute '_iterate_self_and_parents'", "A1", ["shared_session"]),
    ("sqlalchemy.exc.InvalidRequestError: This transaction is inactive", "A1", ["shared_session"]),
    ("SAWarning: transaction already deassociated from connection", "A1", ["shared_session"]),
    (
        "This session is in 'prepared' state; no further SQL can be emitted within this transaction.",
        "A1",
        ["shared_session"],
    ),
    (
        "sqlalchemy.exc.InvalidRequestError: This session is provisioning a new connection; concurrent operations are "
        "not permitted (Background on this error at: https://sqlalche.me/e/20/isce)",
        "A1",
        ["shared_session"],
    ),
    (
        "sqlalchemy.exc.IllegalStateChangeError: While method '_connection_for_bind()' was running, method "
        "'_connection_for_bind()' caused an unexpected state change to <SessionTransactionState.CLOSED: 5>",
        "A1",
        ["shared_session"],
    ),
    (SHARED + "'_connection_for_bind()' is already in progress", "A1", ["request_session"]),
    ("sqlalchemy.exc.ResourceClosedError: This transaction is closed", "A2", ["gathered_writes"]),
    (
        "InterfaceError: (sqlalchemy.dialects.postgresql.asyncpg.InterfaceError) <class "
        "'asyncpg.exceptions._base.InterfaceError'>: cannot perform operation: another operation is in progress",
        "A7",
        ["shielded", "siblings_outlive"],
    ),
    ("cannot use Connection.transaction() in a manually started transaction", "A7b", ["poisoned_pool"]),
    ("SAVEPOINT can only be used in transaction blocks", "A7b", ["poisoned_pool"]),
    ("sqlalchemy.exc.InvalidRequestError: Session is already flushing", "A8", ["flush_in_flush"]),
    (
        "Usage of the 'Session.add()' operation is not currently supported within the execution stage of the "
        "flush process",
        "A8",
        ["flush_in_flush", "gathered_writes"],
    ),
    ("TypeError: 'NoneType' object does not support item assignment", "A10", ["shared_savepoints"]),
    ("SAWarning: nested transaction already deassociated from connection", "A10", ["shared_savepoints"]),
    (
        "sqlalchemy.exc.PendingRollbackError: This Session's transaction has been rolled back due to a previous "
        "exception during flush. To begin a new transaction with this Session, first issue Session.rollback(). "
        "Original exception was: (sqlalchemy.dialects.postgresql.asyncpg.IntegrityError) duplicate key value "
        "violates unique constraint",
        "A12",
        ["failed_flush_poisons"],
    ),
    (
        "This Session has been permanently closed and is unable to handle any more transaction requests.",
        "B2",
        ["use_after_close"],
    ),
    ("Instance '<Order at 0x7f3b8c1d2e50>' is not persistent within this Session", "G3", ["use_after_close"]),
    (
        "The garbage collector is trying to clean up non-checked-in connection <AdaptedConnection "
        "<asyncpg.connection.Connection object at 0x7f3b8c1d2e50>>, which will be terminated.",
        "B6",
        ["after_response", "never_closed"],
    ),
    ("ERROR sqlalchemy.pool.impl.AsyncAdaptedQueuePool: Exception during reset or similar", "B6", ["never_closed"]),
    (
        "sqlalchemy.exc.PendingRollbackError: Can't reconnect until invalid transaction is rolled back.  Please "
        "rollback() fully before proceeding (Background on this error at: https://sqlalche.me/e/20/8s2b)",
        "C1",
        ["timeout_then_commit"],
    ),
    (QUEUE, "D1", ["pool_exhausted", "nested_sessions"]),
    ("FATAL:  terminating connection due to idle-in-transaction timeout", "D4", ["idle_in_transaction"]),
    (
        "RuntimeError: Task <Task pending name='Task-7'> got Future <Future pending> attached to a different loop",
        "E1",
        ["two_loops"],
    ),
    ("RuntimeError: <Queue at 0x7f3b8c1d2e50 maxsize=5> is bound to a different event loop", "E1", ["two_loops"]),
    (
        "(sqlalchemy.dialects.postgresql.asyncpg.InvalidCachedStatementError) cached statement plan is invalid due to "
        "a database schema or configuration change (SQLAlchemy asyncpg dialect will now invalidate all prepared caches",
        "F2",
        ["schema_changed"],
    ),
    ("ERROR:  cached plan must not change result type", "F2", ["schema_changed"]),
    ("MissingGreenlet: greenlet_spawn has not been called; can't call await_only() here.", "G1", ["lazy_load"]),
    ("MissingGreenlet: greenlet_spawn has not been called; can't call await_() here.", "G1", ["lazy_load"]),
    (
        "Parent instance <User at 0x7f3b8c1d2e50> is not bound to a Session; lazy load operation of attribute 'orders' "
        "cannot proceed (Background on this error at: https://sqlalche.me/e/14/bhk3)",
        "G2",
        ["detached"],
    ),
    ("current transaction is aborted, commands ignored until end of transaction block", "G5", ["commit_of_aborted"]),
    (
        "StaleDataError: UPDATE statement on table 'item' expected to update 1 row(s); 0 were matched.",
        "H2",
        ["lost_update"],
    ),
    (DRIVER + "<class 'asyncpg.exceptions.DeadlockDetectedError'>: deadlock detected", "H3", ["lock_order"]),
    (DRIVER + "deadlock detected", "H3", ["lock_order"]),
    (DRIVER + "could not serialize access due to concurrent update", "H6", ["serialization_failure"]),
    ("canceling statement due to lock timeout", "H7", ["deadlock_unseen"]),
    (
        "sqlalchemy.exc.InvalidRequestError: Could not refresh instance '<Account at 0x7f3b8c1d2e50>'",
        "I1",
        ["stale_read"],
    ),
    (DRIVER + "cannot execute nextval() in a read-only transaction", "I3", ["read_only_replica"]),
    ("cursor cannot be created outside of a transaction", "J1", ["stream_and_commit"]),
    ('InvalidCursorNameError: portal "__asyncpg_portal_6__" does not exist', "J1", ["stream_and_commit"]),
    ("prepared transactions are disabled", "2PC", ["parallel_transaction"]),
]


@pytest.mark.parametrize(
    ("line", "family", "first"), PASTED, ids=[f"{family}-{line[:40]}" for line, family, _ in PASTED]
)
def test_a_pasted_traceback_has_its_incident_on_top(line: str, family: str, first: list[str]) -> None:
    pasted = (
        f'Traceback (most recent call last):\n  File "/srv/app/api.py", line 88, in handle\n    await work()\n{line}\n'
    )
    known = first_known(pasted)
    assert known is not None
    assert known.family == family
    assert names(pasted)[0] in first
    assert names(pasted)[0] == names(line)[0]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("same order twice", "commit_unknown"),
        ("hang for ever idle in transaction", "deadlock_unseen"),
        ("dispose no cpu", "dispose_freezes_loop"),
        ("behind ALTER TABLE", "idle_in_transaction"),
        ("another one's settings", "left_on_connection"),
        ("pg_advisory_lock", "left_on_connection"),
        ("commit() returned nothing is there", "lost_in_commit"),
        ("balance too small", "lost_update"),
        ("UPDATE RETURNING other columns", "scrambled_returning"),
        ("rolled back are there", "sibling_commits"),
        ("invoice without an order", "torn_commit"),
        ("SQLAlchemyMiddleware streams its answer", "request_session"),
    ],
)
def test_what_has_no_traceback_is_found_by_words(words: str, found: str) -> None:
    assert found in names(words)[:3]


@pytest.mark.parametrize(
    "line", ["sorry, too many clients already", "coroutine 'AsyncSession.commit' was never awaited"]
)
def test_a_known_error_without_an_incident_is_explained_and_leads_to_no_other(line: str) -> None:
    assert first_known(line) is not None
    assert names(line) == []


def names(text: str) -> list[str]:
    return [incident.name for incident in look_up(text, SCENARIOS).incidents]


def test_without_a_text_everything_is_there() -> None:
    assert names("") == [incident.name for incident in SCENARIOS]
    assert look_up("", SCENARIOS).known is None


def test_of_a_pasted_chain_of_errors_the_first_is_looked_up() -> None:
    known = first_known(TRACEBACK)
    assert known is not None
    assert any(pattern.search(TRACEBACK.splitlines()[0]) for pattern in known.patterns)
    assert names(TRACEBACK)[0] == "shared_session"


@pytest.mark.parametrize("incident", SCENARIOS, ids=lambda incident: incident.name)
def test_an_incident_is_found_by_its_own_symptom(incident: incidents.Incident) -> None:
    # Several may show one symptom: what people pay attention to is the top of the list.
    assert incident.name in names(incident.symptom)[:4]


def test_a_word_is_found_where_one_begins() -> None:
    assert "dispose_freezes_loop" in names("hang")
    assert "schema_changed" not in names("hang")  # which tells of changes
    assert "pool_exhausted" in names("Pool limit of size")  # a QueuePool's


def test_an_error_is_found_with_the_module_that_a_log_puts_before_it() -> None:
    assert names("sqlalchemy.exc.MissingGreenlet") == names("MissingGreenlet") != []


def test_what_is_proposed_to_whoever_found_nothing_finds_something() -> None:
    said = (ROOT / "templates" / "incidents" / "_guide.html").read_text("utf-8").partition("by what people notice:")[2]
    proposed = re.findall("“(.+?)”", said)
    assert len(proposed) == 3
    for words, first in zip(proposed, ("commit_of_aborted", "deadlock_unseen", "lost_update"), strict=True):
        assert names(words)[0] == first


def test_words_that_stand_together_come_before_those_that_are_scattered() -> None:
    assert names("connection is closed").index("idle_in_transaction") < names("connection is closed").index("detached")


def test_words_need_not_stand_together_or_in_case() -> None:
    assert set(names("BALANCE deposit")) == {"lost_update", "stale_read"}
    assert names("no such thing anywhere") == []


def test_every_incident_of_ours_has_a_family() -> None:
    assert [incident.name for incident in SCENARIOS if not incident.family] == []


def test_the_readme_counts_the_incidents() -> None:
    said = re.search(r"field guide below: (\d+) incidents", (ROOT / "README.md").read_text("utf-8"))
    assert said
    assert int(said[1]) == len(SCENARIOS)


def test_the_table_of_families_names_every_incident_and_no_other() -> None:
    table = (ROOT / "scenarios" / "README.md").read_text("utf-8").partition("## What each family")[2]
    rows = [line.rpartition(" | ")[2] for line in table.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)[/`]", row)}
    programs = {program.name for incident in SCENARIOS for program in incident.programs}
    assert named - programs == {incident.name for incident in SCENARIOS}
