"""The few touches that make a run repeatable; each is told on the run's page, see `DISCLOSED`.

An asyncio program is sequential between awaits, but Python lets a few accidents in: addresses of objects (through
hashes and sets), the moment of garbage collection, real clocks, random numbers. These are taken away here. What
escapes is found by replaying, never assumed away.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.abc
import itertools
import random
import re
import secrets
import sys
import time
import weakref
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Optional

from interlock import lab

DISCLOSED = (
    "Connections go to the lab, as a role that is no superuser, whatever host, user, password or TLS is asked for.",
    "Names of prepared transactions get the run's own before them, and pg_prepared_xacts shows those of the run alone.",
    "deadlock_timeout is 1 ms, so deadlocks show at once; the victim is always the request that closes the circle.",
    "The loop's clock, time.monotonic and time.perf_counter are virtual; time.time and datetime are real.",
    "random is seeded with 0 and PYTHONHASHSEED is 0.",
    "Whatever loop, policy or kind of task is asked of asyncio by its name is Interlock's. Tasks without a name are "
    "named after their coroutine; tasks hash by number of creation, not by address; "
    "asynchronous generators left open are closed in the order of their beginning.",
    "SQLAlchemy's Connection and transaction objects, states of mapped objects, dependencies between mappers, "
    "constraints, indexes and foreign keys hash by order of creation, the records of a flush by what they are for, "
    "none by address; AnyIO cancels what is inside a scope in the order of its beginning.",
    "Garbage is collected when the program has ended, not at moments that depend on memory.",
    "In texts, object addresses, names of exported snapshots and of prepared transactions become numbers in order of "
    "appearance, process and transaction numbers labels, and the run's schema “run_…”; source files are called as in a "
    "stack, without this machine's folders.",
    "Threads that asyncio and AnyIO begin work one at a time, in the order in which they were asked for.",
    "Times in log records are virtual and begin with the year 2000; their process and thread are 1.",
    "Whose request waits for a lock goes on in turn: where the lab is on this machine, its backends are held still "
    "meanwhile.",
    "The constructor of SQLAlchemy's Session, the dispose() of an engine, the cancel() of a task and the acquire() of "
    "an asyncio.Lock note who called them.",
)
REPLICA = "The replica stands still between two steps; it replays what the primary has when the schedule lets it."
NATURAL = (*DISCLOSED[:3], DISCLOSED[5], DISCLOSED[8], DISCLOSED[-1])

_BARRED = {
    "uvloop": "replaces the event loop; under Interlock the stepped loop takes its place",
    "psycopg": "connects from C, beneath the event loop, so Interlock cannot redirect it to the lab",
    "psycopg2": "connects from C, beneath the event loop, so Interlock cannot redirect it to the lab",
}
_FILE = re.compile(r"(?<![\w.:/])/[^\s'\"<>:]+\.py(?=:\d|\", line \d)")  # as Python tells of code
_SCOPE = re.compile(r"\bcancel scope [0-9a-f]{6,16}\b")  # an address, as AnyIO writes it
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_PREPARED = re.compile(r"\b_sa_[0-9a-f]{32}\b")
_SNAPSHOT = re.compile(r"\b[0-9A-F]{8}-[0-9A-F]{8}-[0-9]+\b")  # an exported one, as the server names it
_STORED_APART = re.compile(r"\bpg_(toast|toast_temp|temp)_\d+")  # by the number of a relation, or of a backend
_PROCESS = re.compile(r"\b([Pp]rocess) (\d+)")
_NUMBERED = re.compile(r"\b(transaction|relation|database) \d+")
_LOOKUP = re.compile(r"\b(lookup failed for \w+) \d+")


_AUDITED = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "socket.connect"})


class BarredImport(ImportError):
    """The program imports a module that would take its connections past the gate."""


class _Bar(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Optional[Sequence[str]], target: Any = None) -> None:
        if name in _BARRED:
            raise BarredImport(f"{name} {_BARRED[name]}. Use asyncpg here.", name=name)


def guard(allowed: Callable[[], bool], process_begun: Callable[[], None]) -> None:
    """Refuse sockets that the engine does not open itself, and modules that would open them out of its sight."""

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event not in _AUDITED:  # of which there are thousands: `id()` is one
            return
        if event != "socket.connect":
            process_begun()
        elif not allowed():
            raise ConnectionRefusedError(
                f"Interlock refused a connection to {args[1]!r}: a program under test reaches only the lab, and only "
                "through the event loop."
            )

    sys.addaudithook(audit)
    sys.meta_path.insert(0, _Bar())


def steady(clock: Callable[[], float]) -> None:
    """Seed what is random, make the monotonic clocks virtual and stop the garbage collector."""
    random.seed(0)
    gc.disable()
    gc.freeze()
    base = time.monotonic()
    time.monotonic = lambda: base + clock()
    time.perf_counter = lambda: base + clock()


def steady_sqlalchemy() -> None:
    """Give those of SQLAlchemy's objects that it walks in sets a hash that is the same in every replay.

    `SessionTransaction` walks a set of connections when it commits, rolls back and closes; `Session.dirty` has the
    order of a set of `InstanceState`s, and with it whatever a hook before the flush does for each of them. Constraints,
    indexes and foreign keys are created in the order of sets; so are the records of a flush carried out, if mappers
    refer to each other in a circle.
    """
    from sqlalchemy import util
    from sqlalchemy.engine import base
    from sqlalchemy.engine import default
    from sqlalchemy.orm import dependency
    from sqlalchemy.orm import state
    from sqlalchemy.orm import unitofwork
    from sqlalchemy.sql import compiler
    from sqlalchemy.sql import schema

    numbers = itertools.count(1)
    of_states = itertools.count(1)  # apart: how many objects a program loads must not change which connection is first
    of_mapping = itertools.count(1)

    def numbered(self: Any, following: Iterator[int]) -> int:
        number: Optional[int] = self.__dict__.get("_interlock_number")
        if number is None:
            number = self.__dict__["_interlock_number"] = next(following)
        return number

    def of_transaction(self: Any) -> int:
        return hash(self.connection)

    def create_xid(self: Any) -> str:  # by the seeded random, runs at the same time would prepare under one name
        return f"_sa_{secrets.token_hex(16)}"

    patched: Any = base
    default.DefaultDialect.create_xid = create_xid  # type: ignore[method-assign]

    def of_record(self: Any) -> int:
        return hash((type(self).__name__, self.sort_key, getattr(self, "state", 0)))

    for module in (compiler, default, util):  # how long it took, which `echo` tells
        module.__dict__["perf_counter"] = time.perf_counter
    patched.Connection.__hash__ = lambda self: numbered(self, numbers)
    mapped: Any = state.InstanceState
    mapped.__hash__ = lambda self: numbered(self, of_states)
    for transaction in (patched.RootTransaction, patched.NestedTransaction, patched.TwoPhaseTransaction):
        transaction.__hash__ = of_transaction
    in_mapping: list[Any] = [schema.Constraint, schema.Index, schema.ForeignKey]
    for kind in (*in_mapping, _named(dependency, "DependencyProcessor")):
        kind.__hash__ = lambda self: numbered(self, of_mapping)
    _named(unitofwork, "PostSortRec").__hash__ = of_record


def _named(module: Any, name: str) -> Any:
    """A class that has an underscore before its name from SQLAlchemy 2.1 on."""
    return getattr(module, name, None) or getattr(module, f"_{name}")


class _InOrder(dict):  # type: ignore[type-arg]  # as much of a set as AnyIO's CancelScope needs, walked in order
    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)

    def remove(self, item: Any) -> None:
        del self[item]


def steady_anyio(in_thread: Callable[[Any, Callable[[], Any]], Any]) -> None:
    """Have AnyIO's cancel scopes walk those inside them in order; they are kept in a set, by their address. And have
    its threads begin in turn, as those of asyncio do.
    """
    patched: Any = importlib.import_module("anyio._backends._asyncio")
    home = patched if hasattr(patched, "run_sync_in_worker_thread") else patched.AsyncIOBackend
    work = home.run_sync_in_worker_thread

    async def work_in_turn(*args: Any, **kwargs: Any) -> Any:
        loop = asyncio.get_running_loop()
        turn, done = loop.create_future(), loop.create_future()

        def begin() -> Any:
            turn.set_result(None)
            return done

        in_thread(loop, begin)
        try:
            await turn
            return await work(*args, **kwargs)
        finally:
            done.set_result(None)

    home.run_sync_in_worker_thread = work_in_turn if home is patched else staticmethod(work_in_turn)
    begin = patched.CancelScope.__init__

    def begin_in_order(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        if hasattr(self, "_child_scopes"):
            self._child_scopes = _InOrder()

    patched.CancelScope.__init__ = begin_in_order


class Texts:
    """Takes out of texts what differs from run to run, so that equal runs read equal.

    Object addresses and exported snapshots become numbers in order of appearance; in the server's messages a backend's
    process id becomes the label of its connection, numbers of transactions, relations and types are left out, and
    prepared transactions are called as the program calls them. Source files are called as in a stack.

    A number stands for an object, not for its address, which another object gets when the first is gone. So the object
    is looked for and followed, as far as Python can. `unsure` is told, once, if the address of one that cannot be comes
    again.
    """

    def __init__(
        self,
        label_of_pid: Callable[[int], Optional[str]],
        file_name: Callable[[str], str],
        schema: str,
        unsure: Callable[[], None],
    ) -> None:
        self._label_of_pid = label_of_pid
        self._file_name = file_name
        self._schema = schema
        self._own = re.compile(rf"\b{re.escape(schema)}\b")
        self._prefix = lab.gid_prefix(schema)  # of its prepared transactions
        self._unsure: Optional[Callable[[], None]] = unsure
        self._seen: dict[str, dict[str, str]] = {}  # by kind, in the order of their appearance
        self._objects: dict[int, tuple[str, Optional[weakref.ref[Any]]]] = {}  # by address: its number, and itself
        self._numbers = itertools.count(1)

    def clean(self, text: str) -> str:
        """The text as it reads in every replay."""
        if "0x" in text:
            told = dict.fromkeys(_ADDRESS.findall(text))  # twice in one text it is the same object
            numbers = {address: self._object(int(address, 16)) for address in told}
            text = _ADDRESS.sub(lambda match: numbers[match.group()], text)
        if ".py" in text:
            text = _FILE.sub(lambda match: self._file_name(match.group()), text)
        text = text.replace(self._prefix, "")
        if self._schema in text:
            text = self._own.sub("run_…", text)
        if "pg_t" in text:
            text = _STORED_APART.sub(lambda match: f"pg_{match[1]}_…", text)
        if "cancel scope " in text:
            text = _SCOPE.sub("cancel scope …", text)
        if "_sa_" in text:
            text = _PREPARED.sub(lambda match: self._number("_sa_", match.group()), text)
        if "-0000" in text:
            text = _SNAPSHOT.sub(lambda match: self._number("", match.group()), text)
        if "rocess " in text:
            text = _PROCESS.sub(lambda match: f"{match[1]} {self._label_of_pid(int(match[2])) or match[2]}", text)
            text = _NUMBERED.sub(lambda match: f"{match[1]} …", text)
        if "lookup failed" in text:
            text = _LOOKUP.sub(lambda match: f"{match[1]} …", text)
        return text

    def _object(self, address: int) -> str:
        """What the object at an address is called in every replay: `0x…01`."""
        name, ref = self._objects.get(address, ("", None))
        if ref is not None and ref() is not None:
            return name
        followed = _followed(address)
        if name and ref is None and followed is None:
            if self._unsure is not None:
                self._unsure()
                self._unsure = None
            return name
        self._objects[address] = name, _ = f"0x…{next(self._numbers):02d}", followed
        return name

    def _number(self, kind: str, name: str) -> str:
        """What a name of this kind is called in every replay."""
        known = self._seen.setdefault(kind, {})
        return known.setdefault(name, f"{kind}…{len(known) + 1:02d}")


def _followed(address: int) -> Optional[weakref.ref[Any]]:
    """A weak reference to the object at an address, if there is one that allows it."""
    for one in gc.get_objects():
        if id(one) == address:
            try:
                return weakref.ref(one)
            except TypeError:
                return None
    return None
