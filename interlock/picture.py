"""Takes the picture of a step: asks the probe, the observer, the links and the server, and puts the answers
together.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any
from typing import Optional

from interlock import lab
from interlock import link_view
from interlock import probe
from interlock import words
from interlock.frame import ActivityRow
from interlock.frame import Choice
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import Step
from interlock.frame import TaskView
from interlock.gate import Gate
from interlock.link import Link
from interlock.loop import SteppedTask
from interlock.loop import Timer
from interlock.observer import Observer

_WAITS = {"start-up": "the start-up of ", "terminate": "the end of "}  # by command, where it is no reply

# Who makes a temporary table may have to clear up after whoever had one before, and locks what it cannot name: granted
# locks on objects other than tables would tell of the server's past and not of this run.
# What a serializable transaction has read stays locked after its commit, until no other one on the whole server is left
# that began before: that is the doing of other runs, so it is shown for as long as the transaction lasts.
# `offset 0`: each table is looked up, where the planner would read all of pg_class, which grows with every run.
ACTIVITY_SQL = """
prepare activity(int[]) as
with held as materialized (
  select pid, locktype, relation, mode, granted, objid, virtualtransaction
    from pg_lock_status()
   where pid = any($1) and not (locktype in ('transactionid', 'object') and granted)
), lasting as (
  select pid, virtualtransaction from held where locktype = 'virtualxid' and granted
), locks as (
  select held.pid,
         string_agg(distinct
           case when locktype = 'transactionid' then 'a transaction'
                when locktype = 'advisory' then 'advisory lock ' || objid
                else mode || ' on ' || coalesce(relname, locktype) end
           || case when granted then '' else ' (waits)' end, ', ') as text
    from held
         left join lateral (
           select relname, relnamespace, relkind from pg_class where oid = relation offset 0
         ) as named on true
   where locktype <> 'virtualxid'
     and (mode <> 'SIReadLock' or (held.pid, held.virtualtransaction) in (select pid, virtualtransaction from lasting))
     and coalesce(relnamespace <> 'pg_catalog'::regnamespace, true) and coalesce(relkind, 'r') <> 'i'
   group by held.pid
)
select a.pid, coalesce(a.state, ''), coalesce(a.wait_event_type, ''), coalesce(a.wait_event, ''), a.query,
       a.xact_start is not null, a.backend_xid is not null,
       round(extract(epoch from clock_timestamp() - a.xact_start) * 1000, 1), a.backend_start,
       array_to_string(pg_blocking_pids(a.pid), ','), locks.text
  from unnest($1) as pid, pg_stat_get_activity(pid) as a left join locks on locks.pid = a.pid
"""
SAMPLE_LOOKS = 1000


class Camera:
    """Makes `Step`s. Keeps what the next picture must be compared with, and nothing else."""

    def __init__(
        self, gate: Gate, observer: Observer, sources: probe.Sources, *, sample: bool, clean: Callable[[str], str]
    ) -> None:
        self._gate = gate
        self._observer = observer
        self._sources = sources
        self._sample = sample
        self._clean = clean
        self._sleep = time.sleep  # the real one, whatever a program does to the module
        self._stacks: dict[tuple[Place, ...], str] = {}
        self._orphans: dict[str, str] = {}
        self._timers: dict[int, Timer] = {}  # of this picture: who is woken by what, by id of what is awaited
        self._asking: dict[Optional[str], Link] = {}  # of this picture: the connection that a task waits for
        self._prepared: set[lab.Lab] = set()  # connections that know the question for the activity

    def read_result(self, record: probe.TaskRecord, task: SteppedTask) -> Event:
        """Take down what came of a task that is done; returns it as an event."""
        probe.read_result(record, task, self._sources, self._clean)
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
        backends = self._ask_activity()
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
            link_view.connection(link, self._observer.uses.get(link.label), orphans[link.label])
            for link in self._gate.links
        )
        frame = Frame(
            clock=round(self._gate.clock, 6),
            tasks=tasks,
            sessions=self._observer.sessions(inside),
            connections=connections,
            activity=self._activity(backends),
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

    def _task(
        self, record: probe.TaskRecord, stacks: dict[str, tuple[Place, ...]], inside: dict[str, list[str]]
    ) -> TaskView:
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
            record.sessions = tuple(self._sessions_of(chain))
            record.stack_key = self._stacks.get(record.stack, "")
            if not record.stack_key:
                record.stack_key = self._stacks[record.stack] = f"k{len(self._stacks) + 1}"
                stacks[record.stack_key] = record.stack
        waits, connection, delay = self._waits(record.label, task, leaf, record.stack)
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

    def _waits(
        self, label: str, task: SteppedTask, leaf: Any, stack: tuple[Place, ...]
    ) -> tuple[str, Optional[str], Optional[float]]:
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
        link = self._asking.get(label)
        if link is not None:
            command = link.request.command
            text = _WAITS.get(command, f"the reply to {command} on ")
            if link.blocked_by:
                text = f"a lock: blocked by {', '.join(link.blocked_by)}, {command} on "
            return text + link.label + bound, link.label, delay
        return (probe.library_wait(stack) or ("an inner task" if guarded else "a future")) + bound, None, delay

    def _sessions_of(self, chain: probe.Suspended) -> list[str]:
        orm = sys.modules.get("sqlalchemy.orm")
        if orm is None:
            return []
        labels = (self._observer.label_of_session(session) for session in probe.objects_inside(chain, orm.Session))
        return [label for label in labels if label is not None]

    def _ask_activity(self) -> list[Link]:
        """Have the server look at the backends of this run while we look at its tasks; returns their links."""
        if not self._sample:
            return []
        links = [
            link for link in self._gate.links if link.pid is not None and (link.sock is not None or link.left_busy)
        ]
        for server, there in self._gate.backends.by_server(links):
            self.prepare(server)
            server.ask(_execute(there))
        return links

    def prepare(self, server: lab.Lab) -> None:
        """Have a connection know the question for the activity, so that of many runs none has to tell it again."""
        if self._sample and server not in self._prepared:
            server.query(ACTIVITY_SQL)
            self._prepared.add(server)

    def _activity(self, links: list[Link]) -> tuple[ActivityRow, ...]:
        """The answer. A backend that has replied settles into its wait a moment later: then look again."""
        found: dict[str, ActivityRow] = {}
        for server, there in self._gate.backends.by_server(links):
            rows = server.answer()
            replied = {str(link.pid) for link in there if not link.waiting and not link.left_busy}
            for look in range(SAMPLE_LOOKS):
                if all(row[2] or row[1] == "" or row[0] not in replied for row in rows):
                    break
                self._sleep(0.0 if look < 10 else 0.001)  # on a busy machine it may have to wait for a processor
                rows = server.query(_execute(there))
            found.update((row.connection, row) for row in link_view.activity(there, rows, self._clean))
        return tuple(found[link.label] for link in links)


def _execute(links: list[Link]) -> str:
    return f"execute activity(array[{','.join(str(link.pid) for link in links)}])"
