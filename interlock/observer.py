"""What SQLAlchemy itself tells through its public event hooks: sessions, their transactions, the pool's comings and
goings.

The hooks are set on the classes `Session` and `Pool`, so they cover whatever the program makes; so does what notes
where a session is made. They only take notes: nothing here awaits, and nothing keeps an object alive that the program
has let go.

An *orphan* is a connection begun, or being fetched, under a session that no longer knows it: it is checked out, and the
session transaction that asked for it has ended. How it comes about in SQLAlchemy 1.4: one task awaits the pool inside
`Session.execute`, a sibling ends the session's transaction meanwhile, and the connection arrives for nobody.
"""

from __future__ import annotations

import functools
import itertools
import sys
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Optional

from interlock import origins
from interlock.frame import Event
from interlock.frame import Place
from interlock.frame import SessionView
from interlock.link import Link
from interlock.loop import current_label
from interlock.loop import current_spot
from interlock.origins import Spot
from interlock.probe import Sources
from interlock.probe import local


@dataclass
class SessionRecord:
    """One `Session` as seen so far."""

    label: str
    cls: str
    ref: weakref.ref[Any]
    users: list[str] = field(default_factory=list)
    transaction: Optional[weakref.ref[Any]] = None  # the latest root SessionTransaction
    opened: Optional[Place] = None  # where the program made it,
    opener: Optional[str] = None  # and the task
    era: int = 0  # how many root transactions have begun
    open: bool = False  # the latest root transaction has not ended
    last: str = "none"  # what became of it


@dataclass
class Use:
    """Who has a connection from the pool, and for which transaction of which session."""

    owner: Optional[str]
    session: Optional[str]
    era: int
    attached: bool = False  # the session's transaction has begun on it


class Observer:
    """Listens to SQLAlchemy and keeps `SessionRecord`s and `Use`s."""

    def __init__(self, links: Callable[[], list[Link]], tell: Callable[[Event], None], sources: Sources) -> None:
        self._links = links
        self._tell = tell
        self._sources = sources
        self._made: dict[int, tuple[weakref.ref[Any], Optional[Spot], Optional[str]]] = {}  # by address
        self._installed = False
        self._sessions: dict[str, SessionRecord] = {}  # by label
        self._at: dict[int, SessionRecord] = {}  # by address, which a later session may get again
        self._numbers = itertools.count(1)
        self.uses: dict[str, Use] = {}  # by connection label, while checked out
        self.pooled: set[str] = set()  # labels of those that were given back since

    def install(self, *, listen: bool) -> bool:
        """Once SQLAlchemy has been imported, set the hooks, if anybody wants to listen; True when it has just been."""
        if self._installed or "sqlalchemy.orm" not in sys.modules:
            return False
        self._installed = True
        if not listen:
            return True
        from sqlalchemy import event
        from sqlalchemy import pool
        from sqlalchemy.engine import Engine
        from sqlalchemy.orm import Session

        event.listen(pool.Pool, "checkout", self._checkout)
        event.listen(pool.Pool, "checkin", self._checkin)
        for name in ("invalidate", "close", "detach"):
            event.listen(pool.Pool, name, self._gone)
        event.listen(Session, "after_transaction_create", self._transaction_created)
        event.listen(Session, "after_transaction_end", self._transaction_ended)
        event.listen(Session, "after_begin", self._attached)
        event.listen(Session, "before_commit", self._before_commit)
        event.listen(Session, "after_commit", self._committed)
        event.listen(Session, "after_rollback", self._rolled_back)
        self._listen_to_making(Session)
        self._listen_to_disposing(Engine)
        return True

    def _listen_to_making(self, cls: Any) -> None:
        """There is no hook for that, so the constructor is wrapped."""
        make = cls.__init__

        @functools.wraps(make)
        def made(session: Any, *args: Any, **kwargs: Any) -> None:
            make(session, *args, **kwargs)
            self._made[id(session)] = weakref.ref(session), origins.spot(), current_label()

        cls.__init__ = made

    def _listen_to_disposing(self, cls: Any) -> None:
        """The hook for that would have each statement of each connection look for hooks, so the method is wrapped."""
        dispose = cls.dispose

        @functools.wraps(dispose)
        def disposed(engine: Any, *args: Any, **kwargs: Any) -> None:
            dispose(engine, *args, **kwargs)
            place = self._sources.own(current_spot())
            self._tell(
                Event("dispose", "an engine was disposed of: its pool is a new one", current_label(), place=place)
            )

        cls.dispose = disposed

    # The pool ---------------------------------------------------------------------

    def label_of(self, dbapi: Any) -> Optional[str]:
        """The label of the connection under a DBAPI connection object, by the pid of its backend."""
        driver = getattr(dbapi, "driver_connection", None) or getattr(dbapi, "_connection", None)
        ask = getattr(driver, "get_server_pid", None)
        pid = ask() if ask is not None else None
        found = [link for link in self._links() if pid is not None and link.pid == pid]
        if len(found) > 1:  # process ids are a server's own: the replica may have given the same one
            protocol = getattr(driver, "_protocol", None)
            found = [link for link in found if link.get_protocol() is protocol]
        return found[0].label if found else None

    def _checkout(self, dbapi: Any, record: Any, proxy: Any) -> None:
        label = self.label_of(dbapi)
        if label is None:
            return
        self.pooled.discard(label)
        task, session = current_label(), _session_on_the_stack()
        known = self._record(session) if session is not None else None
        self.uses[label] = Use(task, known.label if known else None, known.era if known else 0)
        whom = f" for session {known.label}" if known else ""
        self._tell(
            Event("checkout", f"{label} was taken from the pool{whom}", task, label, known.label if known else None)
        )

    def _checkin(self, dbapi: Any, record: Any) -> None:
        label = self.label_of(dbapi)
        use = self.uses.pop(label, None) if label else None
        if label is not None and use is not None:
            self.pooled.add(label)
            self._tell(Event("checkin", f"{label} went back to the pool", current_label(), label, use.session))

    def _gone(self, dbapi: Any, record: Any, *rest: Any) -> None:
        label = self.label_of(dbapi)
        use = self.uses.pop(label, None) if label else None
        self.pooled.discard(label or "")
        if use is not None:
            self._tell(Event("checkin", f"the pool gave up {label}", current_label(), label, use.session))

    # The session ---------------------------------------------------------------------

    def _record(self, session: Any) -> SessionRecord:
        record = self._at.get(id(session))
        if record is None or record.ref() is not session:
            record = SessionRecord(f"s{next(self._numbers)}", type(session).__name__, weakref.ref(session))
            ref, spot, opener = self._made.pop(id(session), (record.ref, None, None))
            if ref() is session:
                record.opened, record.opener = self._sources.own(spot), opener
            self._at[id(session)] = self._sessions[record.label] = record
        task = current_label()
        if task is not None and task not in record.users:
            record.users.append(task)
        return record

    def label_of_session(self, session: Any) -> Optional[str]:
        """The label of a Session that has been met, else None."""
        record = self._at.get(id(session))
        return record.label if record is not None and record.ref() is session else None

    def _transaction_created(self, session: Any, transaction: Any) -> None:
        record = self._record(session)
        if transaction.parent is None:
            record.transaction = weakref.ref(transaction)
            record.era += 1
            record.open, record.last = True, "active"
            text = f"{record.label} began its transaction {record.era}"
            self._told("begin", text, record)

    def _transaction_ended(self, session: Any, transaction: Any) -> None:
        record = self._record(session)
        if record.transaction is not None and record.transaction() is transaction:
            record.open = False
            if record.last == "active":
                record.last = "closed"
            text = f"{record.label} ended its transaction {record.era}"
            self._told("detach", text, record)

    def _attached(self, session: Any, transaction: Any, connection: Any) -> None:
        record = self._record(session)
        label = self.label_of(_dbapi_of(connection))
        if label is not None:
            root = transaction
            while root.parent is not None:
                root = root.parent
            current = record.transaction is not None and record.transaction() is root
            # A task may come back with a connection for a transaction that a sibling has ended meanwhile.
            self.uses[label] = Use(current_label(), record.label, record.era if current else 0, attached=True)
            kind, began = ("savepoint", "began a savepoint") if transaction.nested else ("attach", "began")
            self._told(kind, f"{record.label} {began} on {label}", record, label)

    def _before_commit(self, session: Any) -> None:
        record = self._record(session)
        ending = _transaction_on_the_stack()
        if ending is not None and ending.nested:
            return  # the same hook tells of savepoints, of which one may still be open where all is committed
        self._told("commit", f"commit() of {record.label}", record)

    def _committed(self, session: Any) -> None:
        record = self._record(session)
        if session.in_nested_transaction():
            self._savepoint(record, "released its savepoint")
            return
        record.last = "committed"
        self._told("commit", f"{record.label} committed", record)

    def _rolled_back(self, session: Any) -> None:
        record = self._record(session)
        if session.in_nested_transaction():
            self._savepoint(record, "went back to its savepoint")
            return
        record.last = "rolled back"
        self._told("rollback", f"{record.label} rolled back", record)

    def _savepoint(self, record: SessionRecord, did: str) -> None:
        self._told("savepoint", f"{record.label} {did}", record)

    def _told(self, kind: str, text: str, record: SessionRecord, label: Optional[str] = None) -> None:
        """Something happened to a session, by this line: its task may be elsewhere when all holds still."""
        place = self._sources.own(current_spot())
        self._tell(Event(kind, text, current_label(), label, record.label, place))

    # The picture ---------------------------------------------------------------------

    def orphan(self, label: str) -> str:
        """Why this connection is an orphan, in words; "" if it is none."""
        use = self.uses.get(label)
        if use is None or use.session is None:
            return ""
        record = self._sessions[use.session]
        if record.ref() is None:
            return f"session {use.session} is gone and never gave it back"
        if record.era != use.era or not record.open:
            how = "was begun" if use.attached else "was fetched"
            which = f"transaction {use.era}" if use.era else "an earlier transaction"
            return f"it {how} for {which} of {use.session}, which has ended ({record.last})"
        return ""

    def sessions(self, inside: dict[str, list[str]]) -> tuple[SessionView, ...]:
        """All sessions met so far; `inside` names for each the tasks inside a call of it."""
        views = []
        uses: dict[Optional[str], list[tuple[str, Use]]] = {}  # by session, in the order of the connections
        for label, use in sorted(self.uses.items(), key=lambda item: int(item[0][1:])):
            uses.setdefault(use.session, []).append((label, use))
        for record in self._sessions.values():
            alive = record.ref() is not None
            holds = tuple(
                label
                for label, use in uses.get(record.label, ())
                if use.attached and use.era == record.era and record.open
            )
            tasks = tuple(inside.get(record.label, ()))
            record.users += [task for task in tasks if task not in record.users]
            views.append(
                SessionView(
                    record.label,
                    record.cls,
                    tasks,
                    tuple(record.users),
                    _state(record),
                    holds,
                    alive,
                    record.opened,
                    record.opener,
                ),
            )
        return tuple(views)


def _state(record: SessionRecord) -> str:
    """SQLAlchemy's own word for the state of the transaction where it has one; it is shown, never acted upon."""
    if not record.open:
        return record.last
    transaction = record.transaction() if record.transaction is not None else None
    state = getattr(transaction, "_state", None)
    word = getattr(state, "name", None) or str(state or "active")
    return word.lower().replace("_", " ")


def _dbapi_of(connection: Any) -> Any:
    fairy = connection.connection  # a pool-proxied connection: 1.4 and 2.x
    return getattr(fairy, "dbapi_connection", None)


def _transaction_on_the_stack() -> Any:
    """The innermost `SessionTransaction` whose method is being executed right now, or None."""
    frame: Optional[types.FrameType] = sys._getframe(1)
    while frame is not None:
        candidate = local(frame, "self")
        if type(candidate).__name__ == "SessionTransaction":
            return candidate
        frame = frame.f_back
    return None


def _session_on_the_stack() -> Any:
    """The innermost `Session` whose method is being executed right now, or None."""
    from sqlalchemy.orm import Session

    frame: Optional[types.FrameType] = sys._getframe(1)
    while frame is not None:
        candidate = local(frame, "self")
        if isinstance(candidate, Session):
            return candidate
        owner = getattr(candidate, "session", None) if type(candidate).__name__ == "SessionTransaction" else None
        if isinstance(owner, Session):
            return owner
        frame = frame.f_back
    return None
