"""Tasks × connections: who does what on which backend, and what of it changed in this step."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

from dashboard.presenters import words
from dashboard.presenters.few import CONNECTIONS
from dashboard.presenters.few import TASKS
from dashboard.presenters.few import few
from dashboard.presenters.few import hidden
from dashboard.presenters.words import Mark
from dashboard.presenters.words import Names
from interlock.frame import ConnectionView
from interlock.frame import Frame
from interlock.frame import TaskView


@dataclass(frozen=True)
class Cell:
    """What one task has to do with one connection."""

    mark: Mark
    detail: str = ""
    was: str = ""  # the word of the step before, if this one changed it
    changed: bool = False

    @property
    def text(self) -> str:
        return f"{self.mark.word} {self.detail}".strip()


@dataclass(frozen=True)
class Column:
    id: str
    label: str  # the pid once known
    transaction: str
    state: str
    orphan: bool
    why: str
    blocked_by: str
    closed: bool
    replica: bool
    changed: bool
    left: bool = False  # it lies in the pool, and its transaction is not over
    kept: bool = False  # in sight


@dataclass(frozen=True)
class Row:
    id: str
    name: str
    mark: Mark
    waits: str
    moved: bool
    inside: tuple[str, ...]  # sessions
    cells: tuple[Cell, ...]
    kept: bool  # in sight


@dataclass(frozen=True)
class Matrix:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    orphans: int
    hidden: str = ""  # how many tasks and connections are not shown, in words

    @property
    def legend(self) -> tuple[Mark, ...]:
        return LEGEND


NOTHING = Cell(Mark("—", "", "none"))

SENT = Mark("sent", "→", "busy", "The request is on its way or at work; no reply yet.")
HELD = Mark("reply held", "◆", "warn", "The reply has come and waits at the gate.")
BLOCKED = Mark("blocked", "⊘", "bad", "The server waits for a lock.")
CONNECTING = Mark("connecting", "…", "busy", "The connection is being opened.")
HOLDS = Mark("holds", "■", "good", "Checked out of the pool by this task.")
BEGAN = Mark("began it", "⚠", "loud", "Checked out by this task under a session that no longer knows the connection.")
SHARES = Mark("may use", "○", "quiet", "It is inside a session that holds this connection for another task.")
CLOSED = Mark("closed", "×", "quiet", "The connection was closed.")
LEGEND = (CONNECTING, SENT, HELD, BLOCKED, HOLDS, SHARES, BEGAN, CLOSED)


def matrix(
    frame: Frame, before: Frame | None, names: Names, *, every: bool = False, kept: frozenset[str] = frozenset()
) -> Matrix:
    """The matrix of a frame, with what is new against the frame before it; of a crowd those in which most happens."""
    tasks, connections = _chosen(frame, every, kept)
    old_tasks = {task.id: task for task in before.tasks} if before is not None else {}
    old_connections = {one.id: one for one in before.connections} if before is not None else {}
    columns = []
    for connection in connections:
        column = _column(connection, names)
        known = old_connections.get(connection.id)
        changed = before is not None and (known is None or _column(known, names) != column)
        columns.append(replace(column, changed=changed, kept=connection.id in kept))
    rows = []
    for task in tasks:
        cells = []
        for connection in connections:
            cell = _cell(task, connection, names)
            was, known = old_tasks.get(task.id), old_connections.get(connection.id)
            if before is not None and (was is not task or known is not connection):
                old = _cell(was, known, names) if was is not None and known is not None else NOTHING
                if _tell(old, cell):
                    said = old.mark.word if old.mark.word != cell.mark.word else old.text
                    cell = replace(cell, was=said, changed=True)
            cells.append(cell)
        rows.append(_row(task, tuple(cells), names, task.id in kept))
    left = hidden(task=len(frame.tasks) - len(tasks), connection=len(frame.connections) - len(connections))
    return Matrix(tuple(columns), tuple(rows), sum(one.orphan for one in frame.connections), left)


def _chosen(frame: Frame, every: bool, kept: frozenset[str]) -> tuple[tuple[TaskView, ...], tuple[ConnectionView, ...]]:
    """The rows and the columns: who moved, who raised, who has a connection; and the connections of these."""
    users: dict[str | None, list[ConnectionView]] = {}
    for one in frame.connections:
        for user in {one.owner, one.sent_by}:
            users.setdefault(user, []).append(one)

    def weight(task: TaskView) -> tuple[bool, ...]:
        mine = users.get(task.id, ())
        loud = any(one.orphan or one.blocked_by for one in mine)
        return task.id in kept, task.moved, task.state == "error", loud, bool(mine), task.state == "waiting"

    tasks = few(frame.tasks, TASKS, weight, every)
    theirs = {one.id: task.moved for task in tasks for one in users.get(task.id, ())}
    return tasks, few(
        frame.connections,
        CONNECTIONS,
        lambda one: (one.id in kept, theirs.get(one.id, False), one.orphan, bool(one.blocked_by), one.id in theirs),
        every,
    )


def _tell(old: Cell, new: Cell) -> bool:
    """Whether a change is worth marking. What may be used changes all the time, with the calls of a session."""
    return old.text != new.text and not {old.mark.word, new.mark.word} <= {NOTHING.mark.word, SHARES.word}


def _column(connection: ConnectionView, names: Names) -> Column:
    return Column(
        id=connection.id,
        label=names.connection(connection.id),
        transaction=words.transaction(connection.transaction),
        state=connection.state,
        orphan=connection.orphan,
        why=names.text(connection.why_orphan),
        blocked_by=", ".join(names.connection(one) for one in connection.blocked_by),
        closed=connection.state == "closed",
        replica=connection.replica,
        changed=False,
        left=connection.pooled and connection.state != "closed" and connection.transaction in ("open", "failed"),
    )


def _row(task: TaskView, cells: tuple[Cell, ...], names: Names, kept: bool) -> Row:
    mark = words.TASK_STATES.get(task.state) or words.unknown(task.state)
    if task.state == "waiting":
        waits = f"for {names.text(task.waits)}" if task.waits else ""
    elif task.errors:
        waits = words.error(task.errors[0].type, task.errors[0].message)
    else:
        waits = task.value or task.cancelled
    return Row(task.id, task.name, mark, waits, task.moved, task.sessions, cells, kept)


def _cell(task: TaskView, connection: ConnectionView, names: Names) -> Cell:
    """The one thing that matters most of what the task has to do with the connection."""
    mine = connection.owner == task.id
    if connection.state == "closed":
        return Cell(CLOSED) if mine or connection.sent_by == task.id else NOTHING
    if connection.sent_by == task.id or task.connection == connection.id:
        if connection.state == "held":
            return Cell(HELD, connection.command)
        if connection.state == "blocked":
            by = ", ".join(names.connection(one) for one in connection.blocked_by)
            return Cell(BLOCKED, f"by {by}" if by else connection.command)
        if connection.state == "sent":
            return Cell(SENT, connection.command)
        if connection.state == "connecting":
            return Cell(CONNECTING)
    if mine and connection.orphan:
        return Cell(BEGAN, words.transaction(connection.transaction))
    if mine:
        return Cell(HOLDS, words.transaction(connection.transaction))
    if connection.session is not None and connection.session in task.sessions:
        return Cell(SHARES, f"via {connection.session}")
    return NOTHING
