"""The gate: holds every reply and every timer of a run, and lets one through at a time.

At quiescence it first has the program's requests let out and waits for what comes of them (`traffic`). Then nothing
moves any more without a choice: the gate finds out which there are, has one of them made, and carries it out. Time
stands still between two choices: the clock is moved by the choice of a timer, and by nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
import traceback
import weakref
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NoReturn
from typing import Optional
from typing import Protocol

from interlock import lab
from interlock import probe
from interlock import stage
from interlock import words
from interlock.backends import Backends
from interlock.clients import Clients
from interlock.frame import Choice
from interlock.frame import Event
from interlock.job import Limits
from interlock.link import Link
from interlock.link import Phase
from interlock.link import ReplyTooLarge
from interlock.loop import SteppedTask
from interlock.loop import Timer
from interlock.loop import current_label
from interlock.replica import Replica
from interlock.tasks import TaskRecord
from interlock.tasks import coroutine_name
from interlock.tasks import leaf_of
from interlock.threads import Threads
from interlock.traffic import Traffic

DEADLOCK_TIMEOUT = "1ms"
STUCK_PATIENCE = 3.0  # with no choice left: how long another process of the program may still say something
ASYNCIO_OWN = frozenset({"shutdown_asyncgens", "shutdown_default_executor"})  # what asyncio.run does when it ends


class Player(Protocol):
    """Who plays the run: is told what the program does, and decides what happens next."""

    def loop_begins(self) -> None:
        """An event loop is about to be made."""

    def loop_ends(self) -> None:
        """The event loop is about to be closed."""

    def task_done(self, record: TaskRecord, task: SteppedTask) -> None:
        """A task has ended."""

    def decide(self, choices: list[Choice]) -> Optional[Choice]:
        """All holds still. Choose one of these, or a fault; None only on the plain network, which decides by itself."""

    def over(self, outcome: str, detail: str) -> NoReturn:
        """The run cannot go on: end it, from within the program."""


class Gate:
    """The world outside of a run: its connections, its timers, its clock.

    `backends.control` must be set before anything happens. `shown`: somebody looks at the choices; if nobody does, it
    need not be found out whom a timer wakes. `tell` takes events, `beat` signs of life, and `clean` makes a text the
    same in every replay.
    """

    def __init__(
        self,
        where: lab.Address,
        schema: str,
        limits: Limits,
        clients: Clients,
        replica: Optional[Replica],
        player: Player,
        *,
        shown: bool,
        tell: Callable[[Event], None],
        beat: Callable[[str], None],
        clean: Callable[[str], str],
    ) -> None:
        def escape(text: str) -> None:
            """Tell of a point that replay does not control."""
            tell(Event("escape", text))

        self.links: list[Link] = []
        self.backends = Backends(self.links, replica)
        self.tasks: dict[str, TaskRecord] = {}
        self.now = 0.0
        self.clients = clients
        self.processes = 0  # begun by the program
        self._where = where
        self._schema = schema
        self._limits = limits
        self._replica = replica
        self._player = player
        self._shown = shown
        self._tell = tell
        self._beat = beat
        self._traffic = Traffic(self.links, self.backends, replica, tell, escape, beat, clean)
        self._threads = Threads(lambda: self._jobs, escape, beat)
        self._foreign_loop = ""  # what to say of it
        self._task_numbers = itertools.count(1)
        self._names: dict[tuple[str, str], int] = {}
        self._timers: list[Timer] = []
        self._jobs = 0
        self._loop: Optional[asyncio.AbstractEventLoop] = None

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
        self._player.loop_begins()

    def next_task_number(self) -> int:
        return next(self._task_numbers)

    def task_created(self, task: SteppedTask, coro: Any) -> Optional[str]:
        """A task is about to begin; returns what it is called, if it is one to be shown."""
        name = coroutine_name(coro)
        if task.is_helper or (task.parent is None and name in ASYNCIO_OWN):
            return None
        if len(self.tasks) >= self._limits.tasks:
            self._player.over("limit", f"The program made more than {self._limits.tasks} tasks.")
        request = self.clients.served(task.label, task.parent)
        task.name_for = lambda name: self._name(name, request)
        called = self._name(name, request)
        self.tasks[task.label] = TaskRecord(task.label, task.parent, called, weakref.ref(task), spot=task.begun)
        return called

    def _name(self, name: str, request: str) -> str:
        """A name that no task has yet, from a coroutine's; with the request that the task was made for."""
        count = self._names[name, request] = self._names.get((name, request), 0) + 1
        numbered = name if count == 1 else f"{name} #{count}"
        return f"{numbered} of {request}" if request else numbered

    def task_done(self, task: Any) -> None:
        try:
            self._player.task_done(self.tasks[task.label], task)
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
        if len(self.links) >= self._limits.connections:
            self._player.over("limit", f"The program opened more than {self._limits.connections} connections.")
        label = f"c{len(self.links) + 1}"
        settings = {
            "application_name": f"interlock:{self._schema}:{label}",
            "search_path": lab.search_path(self._schema),
            "deadlock_timeout": DEADLOCK_TIMEOUT,
        }
        replica = self._replica if self._replica is not None and self._replica.is_meant_by(tag) else None
        where = stage.for_program(self.backends.control, replica.where if replica is not None else self._where)
        prefix = lab.gid_prefix(self._schema)
        written, most, on_replica = self._traffic.written, self._limits.reply_mb << 20, replica is not None
        link = Link(loop, label, tag, where, settings, prefix, written, most=most, on_replica=on_replica)
        self.links.append(link)
        to = f"{tag}, the replica," if link.on_replica else tag
        self._tell(Event("opened", f"{label} to {to} is being opened", current_label(), label))
        return link

    def loop_closing(self) -> None:
        with self._told_as_an_end():
            self._traffic.settle()
            self._player.loop_ends()

    def data_changed(self) -> bool:
        """Whether the data of the primary may be other than when this was asked last."""
        changed, self._traffic.changed = self._traffic.changed, False
        return changed

    def finish(self) -> None:
        """The program is over. Until then a connection outlives its loop: nobody closes it, and nobody hears it."""
        for link in self.links:
            link.finish()

    def quiescent(self, poll: Callable[[float], list[Any]]) -> list[Any]:
        self._loop = asyncio.get_running_loop()
        try:
            with self._told_as_an_end():
                return self._wait(poll)
        except Exception:
            self._engine_failed()

    @contextlib.contextmanager
    def _told_as_an_end(self) -> Iterator[None]:
        """What the run cannot go on after, through no fault of the engine."""
        try:
            yield
        except lab.LabError as error:
            self._player.over("interrupted", f"The lab failed during the run: {error}")
        except ReplyTooLarge as error:
            self._player.over("limit", str(error))
        except MemoryError:
            self._player.over(
                "limit", "The run had no memory left. A request is held whole until it is let out, and so is a reply."
            )

    def _engine_failed(self) -> NoReturn:
        """Within the loop an exception of ours would reach the program as its own, and the picture would be wrong."""
        self._player.over("crash", f"Interlock’s own engine failed; please report this.\n{traceback.format_exc()}")

    def _wait(self, poll: Callable[[float], list[Any]]) -> list[Any]:
        """Have one thing happen that the loop can go on with; returns what the loop's own selector has found."""
        events = self._threads.move(poll)  # they report through the loop's own pipe
        if self._foreign_loop:
            self._player.over("invalid", self._foreign_loop)
        if events is not None:
            return events
        if self._traffic.settle():
            return []
        choices = self.choices()
        if not choices and self._traffic.await_server():
            choices = self.choices()
        if not choices and self.processes:
            events = self._hear_processes(poll)
            if events:
                return events
        choice = self._player.decide(choices)
        if choice is not None:
            self.carry_out(choice)
        return []

    def _hear_processes(self, poll: Callable[[float], list[Any]]) -> list[Any]:
        """What the program's processes say comes through the loop's own selector; while one works it is waited for."""
        while True:
            events = poll(STUCK_PATIENCE)
            if events or not _works_on():
                return events
            self._beat("another process of the program is at work")

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
        held = sorted((link for link in self.links if link.heard), key=lambda link: link.arrived)
        found = [
            Choice(link.label, "reply", words.reply(link), self._waiting_for(link), link.label, default=index == 0)
            for index, link in enumerate(held)
        ]
        found += self.clients.choices(default=not found)
        behind = self._replica.behind if self._replica is not None else 0
        if behind:
            text = f"let the replica catch up: {words.behind(behind)} behind"
            found.append(Choice("w", "replica", text, default=not found))
        timers = self.pending_timers()
        if timers:
            delay = timers[0].when - self.now
            due = [timer for timer in timers if timer.when <= timers[0].when]
            wakes = self._woken_by(due) if self._shown else ()
            text = f"let {words.seconds(delay)} pass: {words.timer(due[0])}"
            found.append(Choice("t", "timer", text, wakes, default=not found, delay=round(delay, 6)))
        return found

    def faults(self) -> list[Choice]:
        """What could go wrong now, if someone wants it: a task cancelled, a backend ended, a connection dropped, a
        client gone, the process dead; or so slow that a later timer is up.
        """
        waiting = [record for record in self.tasks.values() if record.waiting is not None]
        there = [link for link in self.links if link.phase is Phase.STARTED and link.pid is not None and not link.eof]
        return [
            *(_fault(f"x:{one.label}", "cancel", f"cancel task “{one.called}”", (one.label,)) for one in waiting),
            *(_fault(f"k:{link.label}", "terminate", f"end the backend of {link.label}", (), link) for link in there),
            *(
                _fault(f"d:{link.label}", "drop", f"drop the connection {link.label}", self._waiting_for(link), link)
                for link in there
            ),
            _fault("e", "die", "the process dies: all its connections end at once"),
            *self._delays(),
            *self.clients.faults(),
        ]

    def fault(self, token: str) -> Optional[Choice]:
        """The fault that a token asks for, if it is possible now."""
        return next((choice for choice in self.faults() if choice.token == token), None)

    def _delays(self) -> list[Choice]:
        """For each task whose timer is not the next one: let it be up."""
        timers = self.pending_timers()
        if not timers or timers[-1].when == timers[0].when:  # most of the time: then no task need be looked at
            return []
        later = self._timers_of_tasks(timers).items()
        return [self._delay(label, timer, timers) for label, timer in later if timer.when > timers[0].when]

    def _delay(self, label: str, until: Timer, timers: list[Timer]) -> Choice:
        """So much time at once that this task's timer is up, and with it all that are due before: a loop that was held
        up would find them so.
        """
        delay = until.when - self.now
        earlier = sum(one.when < until.when for one in timers)
        text = (
            f"let {words.seconds(delay)} pass at once: for “{self.tasks[label].called}” {words.timer(until)}, "
            f"and {'the timer' if earlier == 1 else f'all {earlier} timers'} before it"
        )
        return Choice(f"t:{label}", "timer", text, (label,), offered=False, delay=round(delay, 6))

    def _timers_of_tasks(self, timers: list[Timer]) -> dict[str, Timer]:
        """For each task that waits for one of these, the first."""
        first = probe.awaited_by(timers)
        found: dict[str, Timer] = {}
        for record in self.tasks.values():
            task = record.waiting
            if task is not None:
                its = [first[key] for key in (id(leaf_of(record, task)), id(task)) if key in first]
                if its:
                    found[record.label] = min(its, key=lambda timer: timer.when)
        return found

    def carry_out(self, choice: Choice) -> None:
        """Make it happen; the loop then runs what follows from it."""
        assert self._loop is not None
        if choice.kind == "timer":
            timers = self.pending_timers()
            self.now = (self._timers_of_tasks(timers)[choice.wakes[0]] if ":" in choice.token else timers[0]).when
            self._tell(Event("timer", f"{words.seconds(choice.delay or 0)} passed"))
            return
        if choice.kind in ("request", "disconnect"):
            self.clients.carry_out(choice)
            return
        if choice.kind == "replica" and self._replica is not None:
            self._tell(Event("replica", f"the replica caught up with {words.behind(self._replica.behind)}"))
            self._replica.catch_up(self.backends.control)
            self._traffic.read_ends()
            return
        if choice.kind == "cancel":
            task = self.tasks[choice.wakes[0]].waiting
            assert task is not None
            self._loop.call_soon(task.cancel_from_outside)
            self._tell(Event("fault", f"task “{task.get_name()}” was cancelled from outside", task.label))
            return
        if choice.kind == "die":
            self._traffic.die()
            self._tell(Event("fault", "the process died: all its connections ended at once"))
            return
        link = next(link for link in self.links if link.label == choice.connection)
        if choice.kind == "reply":
            self._tell(Event("reply", words.delivered(link), link.sent_by, link.label))
            self._loop.call_soon(link.deliver)
        elif choice.kind == "terminate":
            self._traffic.terminate(link)
            self._tell(Event("fault", f"the backend of {link.label} was ended", connection=link.label))
        elif choice.kind == "drop":
            self._tell(Event("fault", f"the connection {link.label} was dropped", connection=link.label))
            self._traffic.drop(link)

    def _waiting_for(self, link: Link) -> tuple[str, ...]:
        record = self.tasks.get(link.sent_by or "")
        return (record.label,) if record is not None and record.waiting is not None else ()

    def _woken_by(self, due: list[Timer]) -> tuple[str, ...]:
        """The tasks that wait for one of these timers, in the order of the timers."""
        waiting: dict[int, list[str]] = {}  # by the future that they await
        for record in self.tasks.values():
            task = record.waiting
            if task is not None:
                for awaited in (leaf_of(record, task), task):
                    waiting.setdefault(id(awaited), []).append(record.label)
        return tuple(label for timer in due for future in timer.settles() for label in waiting.get(future, ()))


def _works_on() -> bool:
    """Whether a process that the program began is there, and has not ended."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:  # there is none
        return False


def _fault(token: str, kind: str, text: str, wakes: tuple[str, ...] = (), link: Optional[Link] = None) -> Choice:
    return Choice(token, kind, text, wakes, link.label if link is not None else None, offered=False)
