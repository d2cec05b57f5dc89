"""The picture of a run: what a person may see of one step, as plain values.

A run is told as one `Header`, then `Step`s numbered from 0 (step 0 is the program's start, before any choice), then one
`End`. Everything in them is data: they cross process borders, rest in the store and are shown again years later, so
nothing here knows how it was found out (that is `probe`) or how it is written down (that is `journal`).

Names that repeat: tasks are `t1`, `t2`, ..., sessions `s1`, ..., connections `c1`, ... in the order in which the
run met them. These labels are the same in every replay; process ids and dates are not, and are marked *volatile*
below: two runs are equal when all else is.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Optional

VOLATILE = {"volatile": True}
"""Field metadata: differs from replay to replay, so it is left out when journals are compared."""


@dataclass(frozen=True)
class Place:
    """A line of source. `ours` tells the program's own files from those of libraries."""

    file: str  # ours: relative to the program's folder, "broken.py"; else from the package on, "asyncpg/pool.py"
    line: int
    function: str
    text: str = ""  # the line itself, stripped
    ours: bool = True


@dataclass(frozen=True)
class Choice:
    """Something the outside world may do next."""

    token: str  # as a schedule writes it: c3 a reply, t a timer, r2 a request, w the replica; e, x:t2 and more: faults
    kind: str  # reply | request | replica | timer | cancel | terminate | drop | disconnect | die
    text: str  # plain words: what it does, without the pid: "deliver the reply to BEGIN on c3"
    wakes: tuple[str, ...] = ()  # labels of the tasks that wait for it
    connection: Optional[str] = None
    default: bool = False  # what would happen anyway: the oldest reply, else a request, the replica, the timer
    offered: bool = True  # False: a fault, possible but only done if someone asks for it ("what if")
    delay: Optional[float] = None  # timers: by how many seconds the clock would jump


@dataclass(frozen=True)
class ErrorView:
    """An exception with the whole of its chain, outermost first."""

    type: str  # "AttributeError", or with its package: "sqlalchemy.exc.InvalidRequestError"
    message: str
    stack: tuple[Place, ...] = ()  # outermost call first
    link: str = ""  # how it hangs on the one before: "" for the first; cause | context | member (of a group)


@dataclass(frozen=True)
class TaskView:
    """A task: what it is doing at this step, or what came of it."""

    id: str
    name: str
    state: str  # waiting | value | error | cancelled
    parent: Optional[str] = None  # the task that created it
    place: Optional[Place] = None  # where in the program's own source it waits
    waits: str = ""  # in words: "the reply to SELECT on c2", "a timer, 1.0 s from now", "task second", "row lock ..."
    connection: Optional[str] = None  # whose reply it waits for
    timer: Optional[float] = None  # seconds from now, if it waits for one
    sessions: tuple[str, ...] = ()  # sessions it is inside a call of, outermost first
    moved: bool = False  # it ran in this step
    stack: str = ""  # key into Step.stacks of this or an earlier step: the full stack, outermost first
    value: str = ""  # repr of its result, cut
    errors: tuple[ErrorView, ...] = ()  # outermost first: errors[0] is what it raised, errors[-1] is where it began
    begun: Optional[Place] = None  # where in the program's own source it was created
    cancelled: str = ""  # of one that was cancelled, who asked for that, in words: "by asyncio.run(), which ..."


@dataclass(frozen=True)
class SessionView:
    """A SQLAlchemy `Session` (the one inside an `AsyncSession`, or a plain one)."""

    id: str
    cls: str  # "RoutingSession"
    tasks: tuple[str, ...] = ()  # tasks inside a call of it at this step
    users: tuple[str, ...] = ()  # every task that ever used it
    transaction: str = "none"  # SQLAlchemy's own word: active, prepared, closed, committed, provisioning connection ...
    connections: tuple[str, ...] = ()  # connections its transaction holds
    alive: bool = True  # False once garbage-collected
    opened: Optional[Place] = None  # where in the program's own source it was made
    opener: Optional[str] = None  # the task that made it


@dataclass(frozen=True)
class ConnectionView:
    """A connection to the server, as its own bytes and the pool's events tell."""

    id: str
    state: (
        str  # connecting | idle | sent (no reply yet) | held (reply waits at the gate) | blocked (by a lock) | closed
    )
    transaction: str = ""  # "" before start-up ends; then idle | open | failed: from ReadyForQuery
    statement: str = ""  # in flight, or the last one: "BEGIN", "SELECT ..."
    command: str = ""  # its first word(s), for a narrow cell: "SELECT", "start-up"
    sent_by: Optional[str] = None  # task that sent it
    checked_out: bool = False  # from a SQLAlchemy pool
    owner: Optional[str] = None  # task that checked it out
    session: Optional[str] = None  # session it was checked out for
    orphan: bool = False  # begun under a session that no longer knows it
    why_orphan: str = ""
    blocked_by: tuple[str, ...] = ()  # labels of connections, "pid N" for one that is not the run's, "the replay"
    tag: str = ""  # what the program calls its server: "writer.internal:5432/app"
    replica: bool = False  # it leads to the replica of the lab
    pooled: bool = False  # it was given back to a SQLAlchemy pool, and nobody has taken it since
    pid: Optional[int] = field(default=None, metadata=VOLATILE)


@dataclass(frozen=True)
class ActivityRow:
    """One row of pg_stat_activity, of a backend that belongs to this run."""

    connection: str
    state: str  # active | idle | idle in transaction | idle in transaction (aborted) | gone ...
    wait_event_type: str = ""
    wait_event: str = ""
    query: str = ""
    in_transaction: bool = False
    has_xid: bool = False  # it has written
    locks: tuple[str, ...] = ()  # "RowExclusiveLock on account", waited-for ones end with "(waits)"
    blocked_by: tuple[str, ...] = ()
    replica: bool = False  # of the replica's pg_stat_activity
    pid: int = field(default=0, metadata=VOLATILE)
    xact_age_ms: Optional[float] = field(default=None, metadata=VOLATILE)  # real time, by the server
    backend_start: str = field(default="", metadata=VOLATILE)


@dataclass(frozen=True)
class Frame:
    """The picture at one step, when everything holds still."""

    clock: float  # the program's own (virtual) time in seconds since its start
    tasks: tuple[TaskView, ...] = ()
    sessions: tuple[SessionView, ...] = ()
    connections: tuple[ConnectionView, ...] = ()
    activity: tuple[ActivityRow, ...] = ()
    choices: tuple[Choice, ...] = ()  # what may come next; empty: the run is over


OUTPUT = ("stdout", "stderr", "log", "warning", "unraisable")
"""Kinds of events that are the program's own words."""


@dataclass(frozen=True)
class Event:
    """One thing that happened within a step, in its order."""

    kind: str
    """task-created task-ended | sent reply opened closed failed | checkout checkin begin commit rollback attach
    savepoint detach orphan dispose | stdout stderr log warning unraisable | timer replica fault | request response
    | parted | rule
    escape: a point that replay does not control; from there on another replay may be another run
    """
    text: str
    task: Optional[str] = None
    connection: Optional[str] = None
    session: Optional[str] = None
    place: Optional[Place] = None


@dataclass(frozen=True)
class Step:
    """One choice carried out, and all that followed until nothing could move any more."""

    number: int
    frame: Frame
    choice: Optional[Choice] = None  # None for step 0, and in a natural run
    woke: tuple[str, ...] = ()  # tasks that ran in it
    events: tuple[Event, ...] = ()
    stacks: dict[str, tuple[Place, ...]] = field(default_factory=dict)  # stacks seen for the first time, by key
    text: str = ""  # a caption: "the reply to BEGIN on c2 was delivered; “second” woke"
    elapsed_ms: float = field(default=0.0, metadata=VOLATILE)  # real, since the start


@dataclass(frozen=True)
class Header:
    """What ran, under what."""

    format: int
    program: str  # path as given
    mode: str  # step | replay | follow | random | natural
    schedule: str  # asked for
    seed: Optional[int]
    versions: dict[str, str]  # python, sqlalchemy, asyncpg, fastapi, postgresql; absent: not installed
    instrumentation: tuple[str, ...]  # what the engine touched, in words
    sources: dict[str, str] = field(default_factory=dict)  # the program's own files as they were: name -> text


@dataclass(frozen=True)
class TaskOutcome:
    """What came of one task."""

    id: str
    name: str
    outcome: str  # value | error | cancelled | pending
    value: str = ""
    errors: tuple[ErrorView, ...] = ()
    cancelled: str = ""  # as in a TaskView


@dataclass(frozen=True)
class InvariantOutcome:
    """Whether a declared rule of the data held after the run."""

    name: str
    holds: Optional[bool]  # None: could not be checked; `detail` says why
    detail: str = ""  # the rows that break it, as text


@dataclass(frozen=True)
class End:
    """How a run ended."""

    outcome: str
    """ok: every task returned and every invariant holds. error: a task raised. silent: no task raised and an
    invariant is broken. hang: the event loop stood still. crash: the process died. diverged: the run
    left its schedule. stuck: nothing can move any more. limit: a bound was reached. stopped: somebody asked for it.
    invalid: the program could not be started at all. interrupted: the dashboard or its worker went away.
    """
    signature: str  # equal for runs that came to the same: eight hex digits
    summary: str  # the same for people: "2 tasks returned; 1 raised AttributeError: 'NoneType' ..."
    schedule: str  # as carried out: replaying it gives this run again
    steps: int  # number of the last step
    tasks: tuple[TaskOutcome, ...] = ()
    invariants: tuple[InvariantOutcome, ...] = ()
    detail: str = ""  # hang, crash, diverged, limit, invalid: the Python stack, the signal, what was asked and possible
    place: Optional[Place] = None  # invalid: file and line at fault
    failed_at: Optional[int] = None  # the first step in which a task raised; silent: from which on a rule was broken
    parted_at: Optional[int] = None  # follow mode: the step from which on the schedule could not be followed
    escapes: tuple[str, ...] = ()  # what it passed that replay does not control: another replay may be another run
    output_dropped: int = 0  # bytes of output beyond the bound
    duration_ms: float = field(default=0.0, metadata=VOLATILE)


Message = Any  # Header | Step | End; a runtime union would need Python 3.10
