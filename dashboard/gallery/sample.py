"""A made-up run for the gallery: small enough to read here, with every state a component has to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from dashboard.store.records import RunRecord
from interlock.frame import ActivityRow
from interlock.frame import Choice
from interlock.frame import ConnectionView
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import InvariantOutcome
from interlock.frame import Place
from interlock.frame import SessionView
from interlock.frame import Step
from interlock.frame import TaskOutcome
from interlock.frame import TaskView
from interlock.journal import FORMAT

BROKEN = '''\
"""One request, three queries at once: gather() over the session of the request."""

import asyncio

from sqlalchemy import select

from models import User
from session import Transactional, session


@Transactional()
async def find_user(name: str) -> User | None:
    """The user of that name."""
    result = await session.execute(select(User).where(User.name == name))
    return result.scalars().first()


async def handle_request() -> list[User | None]:
    return await asyncio.gather(
        find_user("ada"),
        find_user("grace"),
        find_user("edsger"),
    )


if __name__ == "__main__":
    print(asyncio.run(handle_request()))
'''

SESSION = '''\
"""The application's session: one per request, found through a context variable."""

from contextvars import ContextVar
from functools import wraps

from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

request_id: ContextVar[str] = ContextVar("request_id", default="")
engine = create_async_engine("postgresql+asyncpg://app:secret@writer.internal/app")


class RoutingSession(Session):
    def get_bind(self, mapper=None, clause=None, **kw):
        return engine.sync_engine


session = async_scoped_session(
    sessionmaker(class_=AsyncSession, sync_session_class=RoutingSession),
    scopefunc=request_id.get,
)


class Transactional:
    def __call__(self, function):
        @wraps(function)
        async def wrapper(*args, **kwargs):
            try:
                result = await function(*args, **kwargs)
                await session.commit()
            except Exception:
                await session.rollback()
                raise
            return result

        return wrapper
'''

SELECT = "SELECT users.id, users.name FROM users WHERE users.name = $1::VARCHAR"
EXECUTE = Place("broken.py", 14, "find_user", "result = await session.execute(select(User).where(User.name == name))")
COMMIT = Place("session.py", 30, "wrapper", "await session.commit()")

_library = (
    Place("sqlalchemy/ext/asyncio/session.py", 215, "execute", "result = await greenlet_spawn(", ours=False),
    Place(
        "sqlalchemy/util/_concurrency_py3k.py",
        126,
        "greenlet_spawn",
        "result = context.throw(*sys.exc_info())",
        ours=False,
    ),
    Place(
        "sqlalchemy/orm/session.py",
        1692,
        "execute",
        "conn = self._connection_for_bind(bind, close_with_result=True)",
        ours=False,
    ),
    Place(
        "sqlalchemy/orm/session.py",
        747,
        "_connection_for_bind",
        "if self.session.twophase and self._parent is None:",
        ours=False,
    ),
)
TWOPHASE = ErrorView(
    "AttributeError",
    "'NoneType' object has no attribute 'twophase'",
    (Place("session.py", 29, "wrapper", "result = await function(*args, **kwargs)"), EXECUTE, *_library),
    link="context",
)
MASK = ErrorView(
    "sqlalchemy.exc.InvalidRequestError",
    "This session is in 'inactive' state, due to the SQL transaction being rolled back; no further SQL can be emitted",
    (Place("session.py", 32, "wrapper", "await session.rollback()"), *_library[:2]),
)


def _task(number: int, name: str, **kw: object) -> TaskView:
    view = TaskView(
        id=f"t{number}", name=name, state="waiting", parent="t1", place=EXECUTE, sessions=("s1",), stack="k1"
    )
    return replace(view, **kw)  # type: ignore[arg-type]


def _connection(number: int, state: str, **kw: object) -> ConnectionView:
    view = ConnectionView(id=f"c{number}", state=state, tag="writer.internal:5432/app", pid=4210 + number)
    return replace(view, **kw)  # type: ignore[arg-type]


def _row(
    number: int, state: str, query: str, event: str = "ClientRead", kind: str = "Client", **kw: object
) -> ActivityRow:
    row = ActivityRow(
        f"c{number}", state, kind, event, query, pid=4210 + number, backend_start=f"2026-11-20 10:00:0{number}"
    )
    return replace(row, **kw)  # type: ignore[arg-type]


_main = TaskView(
    id="t1",
    name="main",
    state="waiting",
    place=Place("broken.py", 19, "handle_request"),
    waits="tasks first, second, third",
)

_start = Step(
    number=0,
    text="The program started: three tasks wait for their first connection",
    stacks={"k1": (Place("session.py", 29, "wrapper", "result = await function(*args, **kwargs)"), EXECUTE, *_library)},
    woke=("t1", "t2", "t3", "t4"),
    events=(
        Event("task-created", "task main created", "t1"),
        Event("task-created", "task first created by main", "t2"),
        Event("task-created", "task second created by main", "t3"),
        Event("task-created", "task third created by main", "t4"),
        Event("opened", "c1 opened to writer.internal:5432/app", "t2", "c1", "s1", EXECUTE),
        Event("stdout", "looking for three users\n", "t1"),
    ),
    frame=Frame(
        clock=0.0,
        tasks=(
            replace(_main, moved=True),
            _task(2, "first", waits="the reply to start-up on c1", connection="c1", moved=True),
            _task(3, "second", waits="the reply to start-up on c2", connection="c2", moved=True),
            _task(4, "third", waits="the reply to start-up on c3", connection="c3", moved=True),
        ),
        sessions=(SessionView("s1", "RoutingSession", ("t2", "t3", "t4"), ("t2", "t3", "t4"), "provisioning"),),
        connections=(
            _connection(1, "held", sent_by="t2", command="start-up", statement="start-up", pid=None),
            _connection(2, "sent", sent_by="t3", command="start-up", statement="start-up", pid=None),
            _connection(3, "connecting", sent_by="t4", command="start-up", pid=None),
        ),
        choices=(
            Choice("c1", "reply", "deliver the reply to start-up on c1", ("t2",), "c1", default=True),
            Choice("t", "timer", "let 60.0 s pass", ("t2", "t3", "t4"), delay=60.0),
        ),
    ),
)

_middle = Step(
    number=1,
    text="the reply to start-up on c1 was delivered; “first” woke and sent BEGIN",
    choice=_start.frame.choices[0],
    woke=("t2",),
    events=(
        Event("reply", "reply to start-up delivered on c1", "t2", "c1"),
        Event("checkout", "c1 checked out of the pool for s1", "t2", "c1", "s1", EXECUTE),
        Event("begin", "s1 began a transaction on c1", "t2", "c1", "s1"),
        Event("sent", "BEGIN ISOLATION LEVEL READ COMMITTED", "t2", "c1", "s1", EXECUTE),
        Event("stderr", "a line on stderr\n", "t2"),
    ),
    frame=Frame(
        clock=0.0,
        tasks=(
            _main,
            _task(2, "first", waits="row lock held by c2", connection="c1", moved=True),
            _task(3, "second", waits="the reply to SELECT on c2", connection="c2"),
            _task(4, "third", waits="the reply to BEGIN on c3", connection="c3", place=COMMIT),
        ),
        sessions=(SessionView("s1", "RoutingSession", ("t2", "t3", "t4"), ("t2", "t3", "t4"), "active", ("c1",)),),
        connections=(
            _connection(
                1,
                "blocked",
                sent_by="t2",
                command="UPDATE",
                transaction="open",
                checked_out=True,
                owner="t2",
                session="s1",
                blocked_by=("c2",),
                statement="UPDATE users SET name = $1",
            ),
            _connection(
                2,
                "held",
                sent_by="t3",
                command="SELECT",
                transaction="open",
                checked_out=True,
                owner="t3",
                session="s1",
                statement=SELECT,
            ),
            _connection(
                3, "sent", sent_by="t4", command="BEGIN", transaction="idle", checked_out=True, owner="t4", session="s1"
            ),
        ),
        activity=(
            _row(
                1,
                "active",
                "UPDATE users SET name = $1",
                "transactionid",
                "Lock",
                in_transaction=True,
                blocked_by=("c2",),
                xact_age_ms=812.0,
                locks=("RowExclusiveLock on users", "ShareLock on transaction 771 (waits)"),
            ),
            _row(
                2,
                "idle in transaction",
                SELECT,
                in_transaction=True,
                has_xid=True,
                xact_age_ms=640.0,
                locks=("RowExclusiveLock on users",),
            ),
            _row(3, "idle", ""),
        ),
        choices=(
            Choice("c2", "reply", "deliver the reply to SELECT on c2", ("t3",), "c2", default=True),
            Choice("c3", "reply", "deliver the reply to BEGIN on c3", ("t4",), "c3"),
            Choice("t", "timer", "let 1.0 s pass", ("t2",), delay=1.0),
            Choice("x:t3", "cancel", "cancel task “second”", ("t3",), offered=False),
            Choice("k:c2", "terminate", "end the backend of c2", (), "c2", offered=False),
            Choice("d:c3", "drop", "drop the connection c3", (), "c3", offered=False),
        ),
    ),
)

_failure = Step(
    number=2,
    text="the reply to SELECT on c2 was delivered; “second” woke",
    choice=_middle.frame.choices[0],
    woke=("t3",),
    events=(
        Event("reply", "reply to SELECT delivered on c2", "t3", "c2"),
        Event("orphan", "c1 is an orphan: s1 no longer knows it", "t2", "c1", "s1"),
        Event(
            "task-ended",
            "task second raised AttributeError: 'NoneType' object has no attribute 'twophase'",
            "t3",
            place=EXECUTE,
        ),
        Event("warning", "SAWarning: transaction already deassociated from connection\n", "t3"),
    ),
    frame=Frame(
        clock=1.0,
        tasks=(
            _main,
            _task(2, "first", state="value", value="<User ada>", place=None, sessions=()),
            _task(3, "second", state="error", errors=(MASK, TWOPHASE), place=None, moved=True, sessions=()),
            _task(4, "third", waits="a timer, 1.0 s from now", timer=1.0, place=COMMIT, sessions=("s1",)),
        ),
        sessions=(
            SessionView("s1", "RoutingSession", ("t4",), ("t2", "t3", "t4"), "closed", ("c3",)),
            SessionView("s2", "RoutingSession", (), ("t2",), "none", (), alive=False),
        ),
        connections=(
            _connection(
                1,
                "idle",
                transaction="open",
                checked_out=True,
                owner="t2",
                session="s1",
                sent_by="t2",
                command="UPDATE",
                orphan=True,
                why_orphan="begun under s1, whose transaction was closed while c1 was being acquired",
            ),
            _connection(2, "closed", sent_by="t3", owner="t3"),
            _connection(
                3,
                "idle",
                transaction="failed",
                checked_out=True,
                owner="t4",
                session="s1",
                sent_by="t4",
                command="SELECT",
            ),
        ),
        activity=(
            _row(
                1,
                "idle in transaction",
                "UPDATE users SET name = $1",
                in_transaction=True,
                has_xid=True,
                xact_age_ms=1812.0,
            ),
            _row(3, "idle in transaction (aborted)", SELECT, in_transaction=True, xact_age_ms=95.0),
        ),
    ),
)

STEPS = (_start, _middle, _failure)

HEADER = Header(
    format=FORMAT,
    program="scenarios/shared_session/broken.py",
    mode="step",
    schedule="il1:",
    seed=None,
    versions={
        "python": "3.11.7",
        "sqlalchemy": "1.4.42",
        "asyncpg": "0.26.0",
        "fastapi": "0.87.0",
        "postgresql": "18.6",
    },
    instrumentation=("tasks are named in the order of their creation", "garbage is collected at quiescence"),
    sources={"broken.py": BROKEN, "session.py": SESSION},
)

END = End(
    outcome="error",
    signature="5f0c77a1",
    schedule="il1:7=c3,12=t",
    steps=2,
    failed_at=2,
    duration_ms=684.0,
    summary="2 tasks returned; 1 raised AttributeError: 'NoneType' object has no attribute 'twophase'",
    tasks=(
        TaskOutcome("t2", "first", "value", "<User ada>"),
        TaskOutcome("t3", "second", "error", "", (MASK, TWOPHASE)),
        TaskOutcome("t4", "third", "pending"),
    ),
    invariants=(
        InvariantOutcome("a task that reported success has its row", False, "task = third, rows = 0"),
        InvariantOutcome("a task that reported failure has none", True),
        InvariantOutcome("no transaction is left open", None, "the run's schema could not be read"),
    ),
)

_created = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

RUN = RunRecord(
    id=42,
    incident="shared_session",
    program="broken",
    stack="sqlalchemy-1.4.42",
    mode="step",
    schedule="il1:",
    seed=None,
    title="",
    actor="",
    parent=None,
    branch=None,
    status="ended",
    speed=None,
    next_token=None,
    outcome="error",
    signature=END.signature,
    summary=END.summary,
    expected=True,
    steps=2,
    failed_at=2,
    isolation=None,
    rev=9,
    created=_created,
    started=_created,
    ended=_created + timedelta(seconds=40),
    header=HEADER,
    end=END,
)
