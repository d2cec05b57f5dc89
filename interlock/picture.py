"""Takes the picture of a step: asks the probe, the observer, the links and the server, and puts the answers
together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from typing import Optional

from interlock import locks
from interlock import probe
from interlock import words
from interlock.activity import Activity
from interlock.frame import Choice
from interlock.frame import ConnectionView
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import Step
from interlock.frame import TaskView
from interlock.gate import Gate
from interlock.link import Link
from interlock.link import Phase
from interlock.loop import SteppedTask
from interlock.loop import Timer
from interlock.observer import Observer
from interlock.observer import Use
from interlock.tasks import TaskRecord
from interlock.tasks import read_result

_WAITS = {"start-up": "the start-up of ", "terminate": "the end of "}  # by command, where it is no reply


class Camera:
    """Makes `Step`s. Keeps what the next picture must be compared with, and nothing else."""

    def __init__(
        self,
        gate: Gate,
        observer: Observer,
        taken: locks.Locks,
        sources: probe.Sources,
        activity: Optional[Activity],
        clean: Callable[[str], str],
    ) -> None:
        self._gate = gate
        self._observer = observer
        self._locks = taken
        self._sources = sources
        self._activity = activity  # None: nobody wants to see the server's side
        self._clean = clean
        self._stacks: dict[tuple[Place, ...], str] = {}
        self._orphans: dict[str, str] = {}
        self._timers: dict[int, Timer] = {}  # of this picture: who is woken by what, by id of what is awaited
        self._asking: dict[Optional[str], Link] = {}  # of this picture: the connection that a task waits for

    def read_result(self, record: TaskRecord, task: SteppedTask) -> Event:
        """Take down what came of a task that is done; returns it as an event."""
        read_result(record, task, self._sources, self._clean)
        text = {"value": "returned", "cancelled": "was cancelled"}.get(record.state)
        if record.cancelled:
            text = f"was cancelled {record.cancelled}"
        if text is None:
            text = f"raised {record.errors[0].type}: {words.first_line(record.errors[0].message)}"
        return Event("task-ended", f"“{record.name}” {text}", record.label)

    def step(
        self, number: int, choice: Optional[Choice], choices: list[Choice], events: list[Event], elapsed_ms: float
    ) -> Step:
        """The picture as everything stands now, with what led to it."""
        if self._activity is not None:
            self._activity.ask()
        stacks: dict[str, tuple[Place, ...]] = {}
        inside: dict[str, list[str]] = {}
        self._timers = probe.awaited_by(self._gate.pending_timers())
        self._asking = {one.sent_by: one for one in reversed(self._gate.links) if one.waiting or one.arrived}
        tasks = tuple(self._task(record, stacks, inside) for record in self._gate.tasks.values())
        woke = tuple(view.id for view in tasks if view.moved)
        orphans = {link.label: self._observer.orphan(link.label) for link in self._gate.links}
        for label, why in orphans.items():
            if why and not self._orphans.get(label):
                events.append(Event("orphan", f"{label} is an orphan now: {why}", connection=label))
        self._orphans = orphans
        connections = tuple(
            _connection(
                link, self._observer.uses.get(link.label), orphans[link.label], link.label in self._observer.pooled
            )
            for link in self._gate.links
        )
        frame = Frame(
            clock=round(self._gate.clock, 6),
            tasks=tasks,
            sessions=self._observer.sessions(inside),
            connections=connections,
            activity=self._activity.answer() if self._activity is not None else (),
            choices=tuple(choices),
        )
        names = {view.id: view.name for view in tasks}
        return Step(
            number,
            frame,
            choice,
            woke,
            tuple(events),
            stacks,
            words.caption(number, events, woke, names),
            round(elapsed_ms, 3),
        )

    def _task(self, record: TaskRecord, stacks: dict[str, tuple[Place, ...]], inside: dict[str, list[str]]) -> TaskView:
        if record.spot is not None:
            record.begun, record.spot = self._sources.own(record.spot), None
        task = record.waiting
        if task is None:
            moved, record.ended = record.ended, False
            return TaskView(
                record.label,
                record.name,
                record.state,
                record.parent,
                moved=moved,
                value=record.value,
                errors=record.errors,
                begun=record.begun,
                cancelled=record.cancelled,
            )
        record.name = task.get_name()
        leaf = record.mark.awaited if record.mark is not None else None
        moved = leaf is None
        if moved:
            chain = probe.suspended(task)
            leaf, moved = chain.leaf, chain.moved_since(record.mark)
        if moved:
            record.mark, record.stack = chain.mark(), probe.stack_of(chain, self._sources)
            record.sessions, record.lock = tuple(self._sessions_of(chain)), locks.awaited(chain)
            record.stack_key = self._stacks.get(record.stack, "")
            if not record.stack_key:
                record.stack_key = self._stacks[record.stack] = f"k{len(self._stacks) + 1}"
                stacks[record.stack_key] = record.stack
        waits, connection, delay = self._waits(record, task, leaf)
        for label in record.sessions:
            inside.setdefault(label, []).append(record.label)
        return TaskView(
            record.label,
            record.name,
            "waiting",
            record.parent,
            probe.own_place(record.stack),
            waits,
            connection,
            delay,
            record.sessions,
            moved,
            record.stack_key,
            begun=record.begun,
        )

    def _waits(self, record: TaskRecord, task: SteppedTask, leaf: Any) -> tuple[str, Optional[str], Optional[float]]:
        if isinstance(leaf, SteppedTask):
            return f"task “{leaf.get_name()}”", None, None
        awaited = self._timers.get(id(leaf))
        # wait_for: the timer only bounds the wait for an inner task; timeout: for whatever is awaited inside of it
        guarded = awaited is not None and "_release_waiter" in awaited.callback
        timer = awaited or self._timers.get(id(task))
        delay = round(timer.when - self._gate.clock, 6) if timer is not None else None
        if awaited is not None and delay is not None and not guarded:
            return f"a timer, in {words.seconds(delay)}", None, delay
        if type(leaf).__name__ == "_GatheringFuture":
            return "the tasks it gathers", None, None
        told = self._gate.clients.waits(leaf)
        if told:
            return told, None, None
        bound = f", for at most {words.seconds(delay)}" if delay is not None else ""
        link = self._asking.get(record.label)
        if link is not None:
            command = link.request.command
            text = _WAITS.get(command, f"the reply to {command} on ")
            if link.blocked_by:
                text = f"a lock: blocked by {', '.join(link.blocked_by)}, {command} on "
            return text + link.label + bound, link.label, delay
        where = probe.library_wait(record.stack) or ("an inner task" if guarded else "a future")
        if where == probe.ASYNCIO_LOCK:
            where += self._taken(record)
        return where + bound, None, delay

    def _taken(self, record: TaskRecord) -> str:
        """Who has the lock that a task waits for, in words; "" if that is not known."""
        found = self._locks.holder(record.lock() if record.lock is not None else None)
        if found is None:
            return ""
        label, place = found[0], self._sources.own(found[1])
        who = "it took itself" if label == record.label else f"“{self._gate.tasks[label].called}” took"
        return f" that {who}" + (f" at {place.file}:{place.line}" if place is not None else "")

    def _sessions_of(self, chain: probe.Suspended) -> list[str]:
        orm = sys.modules.get("sqlalchemy.orm")
        if orm is None:
            return []
        labels = (self._observer.label_of_session(session) for session in probe.objects_inside(chain, orm.Session))
        return [label for label in labels if label is not None]


def _connection(link: Link, use: Optional[Use], why_orphan: str, pooled: bool) -> ConnectionView:
    """The view of one connection; `use` is who has it from a pool, if anyone."""
    return ConnectionView(
        id=link.label,
        state=_state(link),
        transaction=link.replies.transaction,
        statement=link.request.statement,
        command=link.request.command,
        sent_by=link.sent_by,
        checked_out=use is not None,
        owner=use.owner if use else None,
        session=use.session if use else None,
        orphan=bool(why_orphan),
        why_orphan=why_orphan,
        blocked_by=link.blocked_by,
        tag=link.tag,
        replica=link.on_replica,
        pooled=pooled,
        pid=link.pid,
    )


def _state(link: Link) -> str:
    """One word for what a connection is doing."""
    if link.phase is Phase.CLOSED:
        return "closed"
    if link.blocked_by:
        return "blocked"
    if link.arrived:
        return "held"
    if link.phase is Phase.NEW:
        return "connecting"
    return "sent" if link.waiting else "idle"
