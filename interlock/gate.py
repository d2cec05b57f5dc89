"""The gate: holds every reply and every timer of a run, and lets one through at a time.

At quiescence it first lets the program's requests out, one at a time in the order in which they were written, each
until its reply is whole or the server says that it waits for a lock. Only then does it offer choices. So the
server's work is as repeatable as the loop's: it never has two requests of a run to race with each other.

Who waits for a lock is asked of the server, never inferred from time. A deadlock is waited for, since the server always
resolves it, and its victim is always the request that closed the circle: a backend looks for deadlocks once, when it
has waited for `deadlock_timeout`, which is 1 ms here; a request found waiting is given `CHECKED` to have done so before
the next request is let out, so only the last one to wait can see a circle.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from typing import NoReturn
from typing import Optional

from interlock import blocking
from interlock import lab
from interlock import link as links
from interlock import probe
from interlock import words
from interlock.clients import Clients
from interlock.frame import Choice
from interlock.frame import Event
from interlock.link import Link
from interlock.loop import SteppedTask
from interlock.loop import Timer
from interlock.loop import current_label
from interlock.replica import Replica
from interlock.threads import Threads
from interlock.turns import Turns

REPLY_PATIENCE = 0.005  # seconds without a byte before the server is asked whether the request waits for a lock
LONG_PATIENCE = 0.05
STUCK_PATIENCE = 3.0  # how long a blocked request may still be answered by a timeout of the server's own
DEADLOCK_TIMEOUT = "1ms"
CANCEL_PATIENCE = 10.0  # how long a request that waits for a lock may take to notice that it is cancelled
NOTICE_PATIENCE = 0.25  # seconds in which a notification arrives
CHECKED = 0.01  # seconds: ten times what a backend waits until it looks for a deadlock
DEADLOCK_PATIENCE = 10.0
SILENCE_PATIENCE = 0.25  # with no choice left: how long the server may still say something unasked
BURIAL_PATIENCE = 5.0  # how long backends may take to notice that their client died
ROWS = "array['transactionid', 'tuple', 'spectoken']"  # what backends wait for that want a row, as the server names it
ASYNCIO_OWN = frozenset({"shutdown_asyncgens", "shutdown_default_executor"})  # what asyncio.run does when it ends


class Gate:
    """The world outside of a run: its connections, its timers, its clock. Needs `control` before anything happens."""

    control: lab.Lab  # the engine's own connection to the lab

    def __init__(
        self,
        where: lab.Address,
        schema: str,
        clients: Clients,
        replica: Optional[Replica],
        *,
        max_links: int,
        max_tasks: int,
        tell: Callable[[Event], None],
        beat: Callable[[str], None],
        beginning: Callable[[], None],
        decide: Callable[[list[Choice]], Optional[Choice]],
        ending: Callable[[], None],
        done: Callable[[probe.TaskRecord, SteppedTask], None],
        over: Callable[[str, str], NoReturn],
        clean: Callable[[str], str],
    ) -> None:
        self.links: list[Link] = []
        self.tasks: dict[str, probe.TaskRecord] = {}
        self.now = 0.0
        self.clients = clients
        self._where = where
        self._schema = schema
        self.replica = replica
        self._max_links = max_links
        self._max_tasks = max_tasks
        self._tell = tell
        self._beat = beat
        self._beginning = beginning
        self._decide = decide
        self._ending = ending
        self._done = done
        self._over = over
        self._clean = clean
        self._writes: dict[str, int] = {}  # link label -> order of its first write not let out
        self._write_numbers = itertools.count(1)
        self._arrivals = itertools.count(1)
        self._queue_numbers = itertools.count(1)
        self._turns = Turns()
        self._threads = Threads(lambda: self._jobs, self._escape, beat)
        self._foreign_loop = ""  # what to say of it
        self.processes = 0  # begun by the program
        self._task_numbers = itertools.count(1)
        self._names: dict[tuple[str, str], int] = {}
        self._timers: list[Timer] = []
        self._jobs = 0
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._monotonic = time.monotonic  # the real one, whatever is done to the module later

    # What the loop asks (loop.World) ---------------------------------------------------------------------

    @property
    def clock(self) -> float:
        return self.now

    def loop_beginning(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            self._foreign_loop = (
                f"The program begins an event loop in a thread of its own, “{threading.current_thread().name}”. "
                "Interlock steps the loop of the main thread; what another one does beside it would be left to chance."
            )
            raise RuntimeError(self._foreign_loop)
        self._beginning()

    def next_task_number(self) -> int:
        return next(self._task_numbers)

    def task_created(self, task: SteppedTask) -> None:
        name = probe.coroutine_name(task.get_coro())
        if task.is_helper or (task.parent is None and name in ASYNCIO_OWN):
            return
        if len(self.tasks) >= self._max_tasks:
            self._over("limit", f"The program made more than {self._max_tasks} tasks.")
        request = self.clients.served(task.label, task.parent)
        task.name_for = lambda name: self._name(name, request)
        task.set_name(self._name(name, request))
        self.tasks[task.label] = probe.TaskRecord(task.label, task.parent, task.get_name(), weakref.ref(task))
        task.add_done_callback(self._task_done)  # the first one: whoever awaits the task runs after it

    def _name(self, name: str, request: str) -> str:
        """A name that no task has yet, from a coroutine's; with the request that the task was made for."""
        count = self._names[name, request] = self._names.get((name, request), 0) + 1
        numbered = name if count == 1 else f"{name} #{count}"
        return f"{numbered} of {request}" if request else numbered

    def _task_done(self, task: Any) -> None:
        try:
            self._done(self.tasks[task.label], task)
        except Exception:
            self._engine_failed()

    def timer_set(self, timer: Timer) -> None:
        self._timers.append(timer)

    def in_thread(
        self, loop: asyncio.AbstractEventLoop, begin: Callable[[], asyncio.Future[Any]]
    ) -> asyncio.Future[Any]:
        return self._threads.want(begin, loop)

    def job_changed(self, by: int) -> None:
        self._jobs += by

    def open(self, loop: asyncio.AbstractEventLoop, tag: str) -> Link:
        if len(self.links) >= self._max_links:
            self._over("limit", f"The program opened more than {self._max_links} connections.")
        label = f"c{len(self.links) + 1}"
        settings = {
            "application_name": f"interlock:{self._schema}:{label}",
            "search_path": lab.search_path(self._schema),
            "deadlock_timeout": DEADLOCK_TIMEOUT,
        }
        replica = self.replica if self.replica is not None and self.replica.is_meant_by(tag) else None
        where = replica.where if replica is not None else self._where
        prefix = lab.gid_prefix(self._schema)
        link = Link(loop, label, tag, where, settings, prefix, self._written, on_replica=replica is not None)
        self.links.append(link)
        to = f"{tag}, the replica," if link.on_replica else tag
        self._tell(Event("opened", f"{label} to {to} is being opened", current_label(), label))
        return link

    def loop_closing(self) -> None:
        try:
            self._settle()
            self._ending()
        except lab.LabError as error:
            self._over("interrupted", f"The lab failed during the run: {error}")
        for link in self.links:
            link.finish()

    def quiescent(self, poll: Callable[[float], list[Any]]) -> list[Any]:
        self._loop = asyncio.get_running_loop()
        try:
            return self._wait(poll)
        except lab.LabError as error:
            self._over("interrupted", f"The lab failed during the run: {error}")
        except Exception:
            self._engine_failed()

    def _engine_failed(self) -> NoReturn:
        """Within the loop an exception of ours would reach the program as its own, and the picture would be wrong."""
        self._over("crash", f"Interlock’s own engine failed; please report this.\n{traceback.format_exc()}")

    def _wait(self, poll: Callable[[float], list[Any]]) -> list[Any]:
        """Have one thing happen that the loop can go on with; returns what the loop's own selector has found."""
        events = self._threads.move(poll)  # they report through the loop's own pipe
        if self._foreign_loop:
            self._over("invalid", self._foreign_loop)
        if events is not None:
            return events
        if self._settle():
            return []
        choices = self.choices()
        if not choices and self._await_server():
            choices = self.choices()
        if not choices and self.processes:
            events = poll(STUCK_PATIENCE)  # what they say comes through the loop's own selector
            if events:
                return events
        choice = self._decide(choices)
        if choice is not None:
            self.carry_out(choice)
        return []

    def _written(self, link: Link) -> None:
        self._writes.setdefault(link.label, next(self._write_numbers))
        task = current_label()
        if task is not None and not link.closing:
            link.sent_by = task

    # Letting requests out ---------------------------------------------------------------------

    def _settle(self) -> bool:
        """Let everything out that was written, and learn what came of it. True if the loop has something to run
        again.
        """
        again = False
        for label, _ in sorted(self._writes.items(), key=lambda item: item[1]):
            link = self.links[int(label[1:]) - 1]
            del self._writes[label]
            with self._in_turn():
                if link.outbox:
                    again = self._let_out(link) or again
                    self._await_reply(link)
                    self._await_cancelled(link)
                    self._await_notified(link)
                if link.closing:
                    link.finish()
                    self._tell(Event("closed", f"{link.label} was closed by the program", link.sent_by, link.label))
        self._recheck_blocked()
        for link in links.readable(self.links, 0):
            link.drain(0)
            self._await_reply(link, unasked=True)
        return again

    def _let_out(self, link: Link) -> bool:
        waiting_before = bool(link.inbox)
        try:
            link.let_out()
        except links.ForeignConnection as error:
            link.fail(error)
            self._tell(Event("failed", str(error), link.sent_by, link.label))
            return True
        link.request = replace(link.request, statement=self._clean(link.request.statement))
        if link.request.command:
            text = link.request.statement or link.request.command
            self._tell(Event("sent", f"{link.request.command} on {link.label}: {text}", link.sent_by, link.label))
        return link.phase == links.NEW and bool(link.inbox) and not waiting_before

    def _await_reply(self, link: Link, *, unasked: bool = False) -> None:
        """Read until the reply is whole or the server says that it waits for a lock. `unasked`: nobody asked for it."""
        patience = REPLY_PATIENCE
        beat_at = self._monotonic() + 1.0
        while link.waiting:
            if link.drain(patience):
                continue
            if link.pid is not None:
                blockers = self._blockers([link]).get(link.label)
                if blockers:
                    if not link.blocked_by:
                        link.queued = next(self._queue_numbers)
                        if any(name.startswith("pid ") for name in blockers):
                            self._escape(f"{link.label} waits for a lock that is held outside of this run")
                    link.blocked_by = blockers
                    if not link.drain(CHECKED):
                        return
                    continue
            patience = LONG_PATIENCE
            if self._monotonic() > beat_at:
                self._beat(f"the server works on {link.request.command} on {link.label}")
                beat_at = self._monotonic() + 1.0
        link.blocked_by = ()
        if (link.inbox or link.eof) and not link.arrived and link.phase == links.STARTED:
            link.arrived = next(self._arrivals)
            self._tell_notified(link, unasked)
            if self.replica is not None:
                self.replica.note(link, self.control)

    def _await_cancelled(self, cancel: Link) -> None:
        """What waits for a lock and is cancelled is given the time to notice: it ends by an error, or by its lock.

        The server has passed the signal on when it closes the connection of the cancel request; no more than that.
        """
        if cancel.cancels is not None:
            there = [link for link in self.links if link.on_replica is cancel.on_replica and link.blocked_by]
            for link in (link for link in there if link.pid == cancel.cancels):
                self._turns.let_go(link)
                self._wait_for_any([link], CANCEL_PATIENCE)

    def _await_notified(self, sender: Link) -> None:
        """Who listens is given the time to hear of what was just sent. Who listens to something else hears nothing."""
        if sender.notifies and not sender.waiting and sender.replies.transaction == "idle":
            sender.notifies = False
            for link in self.links:
                if link.listens and not link.waiting and link is not sender and link.drain(NOTICE_PATIENCE):
                    self._await_reply(link)

    def _tell_notified(self, link: Link, unasked: bool) -> None:
        ours = {one.pid for one in self.links}
        senders, link.replies.notified[:] = list(link.replies.notified), []
        if not ours.issuperset(senders):
            self._escape(f"{link.label} was notified from outside of this run: a channel is the whole database’s")
        elif senders and unasked:
            self._escape(f"a notification came on {link.label}, at a moment that is the server’s choice")

    def _control_of(self, link: Link) -> lab.Lab:
        """The engine's own connection to the server that this connection leads to."""
        return self.replica.control if link.on_replica and self.replica is not None else self.control

    def by_server(self, asked: Iterable[Link]) -> list[tuple[lab.Lab, list[Link]]]:
        """These connections by the server that they lead to, with the engine's own connection to it."""
        found: dict[bool, list[Link]] = {}
        for link in asked:
            found.setdefault(link.on_replica, []).append(link)
        return [(self._control_of(there[0]), there) for there in found.values()]

    def _blockers(self, asked: list[Link]) -> dict[str, tuple[str, ...]]:
        """Who keeps these requests waiting, by label; those that wait for no lock are left out."""
        found: dict[str, tuple[str, ...]] = {}
        for server, there in self.by_server(asked):
            found.update(blocking.blockers(server, there, self.links))
        return found

    def _escape(self, text: str) -> None:
        """Tell of a point that replay does not control."""
        self._tell(Event("escape", text))

    def _tell_race(self, waiting: list[Link]) -> None:
        """Who could not be held still has gone for the same row as others; who waits for a table is served in turn."""
        for server, there in self.by_server(link for link in waiting if link.blocked_by):
            pids = ",".join(str(link.pid) for link in there)
            rows = f"from unnest(array[{pids}]) as asked, pg_stat_get_activity(asked)"
            if server.query(f"select {rows} where wait_event = any({ROWS})"):
                names = ", ".join(link.label for link in sorted(waiting, key=lambda link: link.queued))
                self._escape(f"{names} went for the same row at once, and the server let one of them have it")

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """While this is done, nobody who waits for a lock goes on; after it those who can do, one after the other."""
        waiting = [link for link in self.links if link.blocked_by]
        alone = len(waiting) < 2 or self._turns.hold(waiting)
        yield
        if waiting:
            freed = self._recheck_blocked()
            if freed and not alone:
                self._tell_race(waiting)

    def _recheck_blocked(self) -> bool:
        """Requests whose lock has been granted get their reply now, in turn; a deadlock is waited out. True if there
        were any.
        """
        any_free = False
        while True:
            blocked = sorted((link for link in self.links if link.blocked_by), key=lambda link: link.queued)
            self._await_abandoned()
            if not blocked:
                self._turns.let_go()
                return any_free
            blockers = self._blockers(blocked)
            free = [link for link in blocked if link.label not in blockers or links.readable([link], 0)]
            for link in blocked:
                link.blocked_by = blockers.get(link.label, link.blocked_by)
            for link in free[:1]:
                any_free = True
                self._turns.let_go(link)
                self._await_reply(link)
            if not free and not (blocking.has_cycle(blockers) and self._wait_for_any(blocked, DEADLOCK_PATIENCE)):
                self._turns.let_go()
                return any_free

    def _await_abandoned(self) -> None:
        """Backends whose client has left while they waited for a lock: they notice once they have it, and end."""
        until = self._monotonic() + BURIAL_PATIENCE
        for server, there in self.by_server(link for link in self.links if link.abandoned):
            pids = {link.pid: link for link in there}
            while pids:
                rows = server.query(blocking.WAITS_SQL.format(asked=blocking.pids(pids.values())))
                alive = {int(pid or 0): waits for pid, waits in rows}
                for pid, link in list(pids.items()):
                    waits = alive.get(pid or 0)
                    link.abandoned = waits is not None
                    if waits != "f":
                        del pids[pid]
                if pids and self._monotonic() > until:
                    self._escape(f"the backend of {pids.popitem()[1].label} was abandoned at work, and works still")
                    break

    def _wait_for_any(self, asked: list[Link], patience: float) -> bool:
        heard = links.readable(asked, patience)
        for link in heard:
            link.drain(0)
            self._await_reply(link)
        return bool(heard)

    def _await_server(self) -> bool:
        """No choice is left: the server may still end a blocked request by a timeout of its own, or say something."""
        blocked = any(link.blocked_by for link in self.links)
        if not self._wait_for_any(self.links, STUCK_PATIENCE if blocked else SILENCE_PATIENCE):
            return False
        self._recheck_blocked()
        return True

    # Choices ---------------------------------------------------------------------

    def pending_timers(self) -> list[Timer]:
        """Timers that are still to fire, earliest first."""
        self._timers = [timer for timer in self._timers if timer.pending(self.clock)]
        return sorted(self._timers, key=lambda timer: timer.when)

    def choices(self) -> list[Choice]:
        """What may happen next, in the order in which it would: replies as they came, requests, the replica, the next
        timer.

        Replies and requests go before the replica as they go before a timer: so a lag lasts until something ends it,
        and a schedule names that one moment. When none is left it catches up, as it would while a program sleeps.
        """
        held = sorted((link for link in self.links if link.arrived), key=lambda link: link.arrived)
        found = [
            Choice(link.label, "reply", words.reply(link), self._waiting_for(link), link.label, default=index == 0)
            for index, link in enumerate(held)
        ]
        found += self.clients.choices(default=not found)
        behind = self.replica.behind if self.replica is not None else 0
        if behind:
            text = f"let the replica catch up: {words.behind(behind)} behind"
            found.append(Choice("w", "replica", text, default=not found))
        timers = self.pending_timers()
        if timers:
            delay = timers[0].when - self.now
            due = [timer for timer in timers if timer.when <= timers[0].when]
            wakes = self._woken_by(due)
            text = f"let {words.seconds(delay)} pass: {words.timer(due[0])}"
            found.append(Choice("t", "timer", text, wakes, default=not found, delay=round(delay, 6)))
        return found

    def faults(self) -> list[Choice]:
        """What could go wrong now, if someone wants it: a task cancelled, a backend ended, a connection dropped, a
        client gone, the process dead.
        """
        tokens = [f"x:{label}" for label in self.tasks]
        tokens += [f"{kind}:{link.label}" for kind in "kd" for link in self.links]
        tokens.append("e")
        found = (self.fault(token) for token in tokens)
        return [*(choice for choice in found if choice is not None), *self.clients.faults()]

    def fault(self, token: str) -> Optional[Choice]:
        """The fault that a token asks for, if it is possible now."""
        kind, _, label = token.partition(":")
        if kind == "x":
            record = self.tasks.get(label)
            if record is not None and record.waiting is not None:
                return Choice(token, "cancel", f"cancel task “{record.name}”", (label,), offered=False)
            return None
        if kind == "q":
            return next((choice for choice in self.clients.faults() if choice.token == token), None)
        if token == "e":
            return Choice(token, "die", "the process dies: all its connections end at once", offered=False)
        link = next((link for link in self.links if link.label == label), None)
        if link is None or link.phase != links.STARTED or link.pid is None or link.eof:
            return None
        if kind == "k":
            return Choice(token, "terminate", f"end the backend of {label}", connection=label, offered=False)
        if kind == "d":
            return Choice(token, "drop", f"drop the connection {label}", self._waiting_for(link), label, offered=False)
        return None

    def carry_out(self, choice: Choice) -> None:
        """Make it happen; the loop then runs what follows from it."""
        assert self._loop is not None
        if choice.kind == "timer":
            self.now = self.pending_timers()[0].when
            self._tell(Event("timer", f"{words.seconds(choice.delay or 0)} passed"))
            return
        if choice.kind in ("request", "disconnect"):
            self.clients.carry_out(choice)
            return
        if choice.kind == "replica" and self.replica is not None:
            self._tell(Event("replica", f"the replica caught up with {words.behind(self.replica.behind)}"))
            self.replica.catch_up(self.control)
            # Whose snapshot was in the way of the replay has been told, unasked, that its connection ends.
            for one in links.readable([link for link in self.links if link.on_replica and not link.waiting], 0):
                while not one.eof and one.drain(2.0):
                    pass
                self._await_reply(one)
            return
        if choice.kind == "cancel":
            task = self.tasks[choice.wakes[0]].waiting
            assert task is not None
            self._loop.call_soon(task.cancel)
            self._tell(Event("fault", f"task “{task.get_name()}” was cancelled from outside", task.label))
            return
        if choice.kind == "die":
            self._die()
            return
        link = next(link for link in self.links if link.label == choice.connection)
        if choice.kind == "reply":
            self._tell(Event("reply", words.delivered(link), link.sent_by, link.label))
            self._loop.call_soon(link.deliver)
        elif choice.kind == "terminate":
            with self._in_turn():
                self._turns.let_go(link)
                self._control_of(link).query(f"select pg_terminate_backend({link.pid}, 5000)")
                while not link.eof and link.drain(2.0):
                    pass
                link.blocked_by = ()
            self._tell(Event("fault", f"the backend of {link.label} was ended", connection=link.label))
        elif choice.kind == "drop":
            self._tell(Event("fault", f"the connection {link.label} was dropped", connection=link.label))
            with self._in_turn():
                link.fail(ConnectionResetError("Connection reset by peer"))

    def _die(self) -> None:
        """All connections end, whatever they were doing. The server rolls back what was open, and we wait for that."""
        alive = [link for link in self.links if link.pid is not None and link.sock is not None]
        for link in self.links:
            link.finish()
        self._tell(Event("fault", "the process died: all its connections ended at once"))
        patience = self._monotonic() + BURIAL_PATIENCE
        for server, there in self.by_server(alive):
            pids = ",".join(str(link.pid) for link in there)
            while server.query(f"select from pg_stat_activity where pid in ({pids}) limit 1"):
                if self._monotonic() > patience:
                    break
                time.sleep(0.01)

    def _waiting_for(self, link: Link) -> tuple[str, ...]:
        record = self.tasks.get(link.sent_by or "")
        return (record.label,) if record is not None and record.waiting is not None else ()

    def _woken_by(self, due: list[Timer]) -> tuple[str, ...]:
        """The tasks that wait for one of these timers, in the order of the timers."""
        waiting: dict[int, list[str]] = {}  # by the future that they await
        for record in self.tasks.values():
            task = record.waiting
            if task is not None:
                waiting.setdefault(id(probe.leaf_of(record, task)), []).append(record.label)
        return tuple(label for timer in due for future in timer.settles() for label in waiting.get(future, ()))
