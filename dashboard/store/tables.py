"""The store's tables, as SQLAlchemy Core sees them; `migrations/` creates them.

Triggers keep two promises that no caller can forget: every change of a run, a stack, an exploration or a command is
announced with NOTIFY when (and only when) it is committed, and `rev` of the first three grows with it.

Frames, headers and ends rest in columns of type `json`, not `jsonb`: what a program prints may hold a NUL character or
half a surrogate pair, which `jsonb` refuses.
"""

from __future__ import annotations

from sqlalchemy import JSON
from sqlalchemy import BigInteger
from sqlalchemy import Boolean
from sqlalchemy import Column
from sqlalchemy import DateTime
from sqlalchemy import Double
from sqlalchemy import ForeignKey
from sqlalchemy import Identity
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import func

RUN_CHANNEL = "interlock_run"  # payload: the run's id
COMMAND_CHANNEL = "interlock_command"  # payload: the run's id
ANSWER_CHANNEL = "interlock_answer"  # payload: the command's id
EXPLORATION_CHANNEL = "interlock_exploration"  # payload: the exploration's id

ACTIVE = ("starting", "waiting", "running")
"""The states of a run that some worker has in its hands."""
OVER = ("ended", "interrupted")

metadata = MetaData()

run = Table(
    "run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("incident", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("stack", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("seed", BigInteger),
    Column("title", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("parent", BigInteger, ForeignKey("run.id", ondelete="SET NULL")),
    Column("branch", Integer),  # at which step of its parent another choice was made
    Column("status", Text, nullable=False),  # queued | starting | waiting (for a person) | running | ended | ...
    Column("speed", Double),  # steps a second while it is played, else null
    Column("next_token", Text),  # what going on carries out if the schedule says so; null: the frame's default
    Column("outcome", Text),
    Column("signature", Text),
    Column("summary", Text),
    Column("expected", Boolean),
    Column("steps", Integer, nullable=False),  # number of the last step, -1 before the first
    Column("failed_at", Integer),
    Column("isolation", Text),  # repeatable read | serializable: the strictest its statements asked for
    Column("header", JSON),
    Column("end", JSON),
    Column("rev", BigInteger, nullable=False),
    Column("worker", BigInteger),  # key of the advisory lock that the worker holds as long as it lives
    Column("litter", Boolean, nullable=False),  # the lab may still hold the run's schema
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started", DateTime(timezone=True)),
    Column("ended", DateTime(timezone=True)),
)

step = Table(
    "step",
    metadata,
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("caption", Text, nullable=False),
    Column("token", Text),  # of the choice carried out
    Column("woke", Text, nullable=False),  # a task a line: an array costs ten times as much to read
    Column("failed", Boolean, nullable=False),  # a task raised in it
    Column(
        "output", JSON(none_as_null=True)
    ),  # the events among its own that are words of the program, for showing many
    Column("body", JSON, nullable=False),
)

command = Table(
    "command",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("done", DateTime(timezone=True)),  # carried out or refused
    Column("error", Text),  # why it was refused
)

stack = Table(
    "stack",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False),  # missing | queued | installing | ready | failed
    Column("progress", Text, nullable=False),
    Column("log", Text, nullable=False),
    Column("error", Text),
    Column("rev", BigInteger, nullable=False),
    Column("worker", BigInteger),
    Column("updated", DateTime(timezone=True), nullable=False),
)

exploration = Table(
    "exploration",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("incident", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("stack", Text, nullable=False),
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE")),  # whose continuations; null: all orders
    Column("orders", Integer, nullable=False),  # so many are to be tried,
    Column("seconds", Integer, nullable=False),  # and for so long at most
    Column("actor", Text, nullable=False),
    Column("status", Text, nullable=False),  # queued | running | ended | cancelled | interrupted | failed
    Column("progress", Text, nullable=False),
    Column("found", JSON(none_as_null=True)),  # so far: a Tally, or of a run's continuations a Found
    Column("error", Text),  # why it failed
    Column("way_out", BigInteger, ForeignKey("run.id", ondelete="SET NULL")),  # the run made of the way out
    Column("cancel", Boolean, nullable=False),  # somebody wants it to end
    Column("rev", BigInteger, nullable=False),
    Column("worker", BigInteger),
    Column("litter", Boolean, nullable=False),  # the lab may still hold its schema
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started", DateTime(timezone=True)),
    Column("ended", DateTime(timezone=True)),
)

share = Table(
    "share",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("hash", Text, nullable=False),  # of the token; the token itself is in nobody's hands but the link's holders'
    Column("actor", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires", DateTime(timezone=True), nullable=False),
    Column("revoked", DateTime(timezone=True)),
)

note = Table(
    "note",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("text", Text, nullable=False),  # empty: a bookmark
    Column("actor", Text, nullable=False),
    Column("created", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("deleted", DateTime(timezone=True)),  # shown no more, but it can be had back
)

presence = Table(
    "presence",
    metadata,
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("person", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("viewer", Boolean, nullable=False),
    Column("guest", Integer, nullable=False),  # what those without a name are called by
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("seen", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("leads", Boolean, nullable=False),
    Column("step", Integer),  # where who leads has led to; null: the last one there is, of a run that goes on
)

history = Table(
    "history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),  # `run:42`, `stack:sqlalchemy-2.0`, or a kind alone: `runs`, `retention`
    Column("text", Text, nullable=False),
)

pin = Table(  # runs that retention keeps
    "pin",
    metadata,
    Column("run_id", BigInteger, ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

setting = Table(  # what is changed on a page and not by the environment
    "setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSON, nullable=False),
)
