"""The traffic of a run: the program's requests are let out one at a time, each until its reply is whole or the server
says that it waits for a lock.

This is what makes the server's work as repeatable as the loop's. It rests on three rules.

*One request at a time*, in the order in which they were written, which follows from the choices made so far. So the
server never has two requests of a run that could race with each other.

*Ask the server, never infer from time.* After `REPLY_PATIENCE` without a byte the server is asked whether the request
waits for a lock (`backends`), as PostgreSQL's own isolation tester asks it. A slow statement is waited for, however
long it takes; one that waits for a lock is left waiting, and the next request is let out.

*Those who wait for a lock go on one after the other.* What a request has unblocked is found out before the next one is
let out. The end of a transaction wakes all who want its row at once, so while a request is let out they are frozen
(`freezer`) and then thawed one by one, in the order in which they came.

A deadlock is waited for, since the server always resolves it. Its victim is always the request that closed the circle:
a backend looks for deadlocks once, when it has waited for `deadlock_timeout`, which is 1 ms here. A request found
waiting is given `CHECKED` seconds to have done so, and until its backend sleeps, before the next one is let out; so
only the last one to wait can see a circle.

What cannot be put in order is reported as an escape: a lock held from outside of the run, a row that several requests
compete for where backends cannot be frozen, a notification that nobody asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic  # the real one, whatever is done to the module later
from typing import Optional

from interlock.backends import Backends
from interlock.backends import has_cycle
from interlock.frame import Event
from interlock.freezer import Freezer
from interlock.link import ForeignConnection
from interlock.link import Link
from interlock.link import Phase
from interlock.link import wait_ready
from interlock.loop import current_label
from interlock.replica import Replica

REPLY_PATIENCE = 0.005  # seconds without a byte before the server is asked whether the request waits for a lock
LONG_PATIENCE = 0.05
STUCK_PATIENCE = 3.0  # how long a blocked request may still be answered by a timeout of the server's own
CANCEL_PATIENCE = 10.0  # how long a request that waits for a lock may take to notice that it is cancelled
NOTICE_PATIENCE = 0.25  # seconds in which a notification arrives
CHECKED = 0.01  # seconds: ten times what a backend waits until it looks for a deadlock
DEADLOCK_PATIENCE = 10.0
SILENCE_PATIENCE = 0.25  # with no choice left: how long the server may still say something unasked
SIGNALS = re.compile(r"pg_(terminate|cancel)_backend", re.IGNORECASE)  # whoever is meant is given time to notice
CHANGES_NOTHING = frozenset({"BEGIN", "ROLLBACK", "SET", "RESET", "SHOW"})  # what others see, that is; by tag
END_PATIENCE = 2.0  # how long the end of a connection that is sure to come may take


class Traffic:
    """What goes out and comes in over `links`, all the connections of a run."""

    def __init__(
        self,
        links: list[Link],
        backends: Backends,
        replica: Optional[Replica],
        tell: Callable[[Event], None],
        escape: Callable[[str], None],
        beat: Callable[[str], None],
        clean: Callable[[str], str],
    ) -> None:
        self._links = links
        self._backends = backends
        self._replica = replica
        self._tell = tell
        self._escape = escape
        self._beat = beat
        self._clean = clean
        self._written: dict[Link, None] = {}  # since they were let out last, in the order of their first write
        self._arrivals = itertools.count(1)
        self._queue_numbers = itertools.count(1)
        self._freezer = Freezer()
        self.changed = False  # the data of the primary may be other than when somebody looked last

    # Out ---------------------------------------------------------------------

    def written(self, link: Link) -> None:
        """The program has written on this connection, or closed it."""
        self._written.setdefault(link)
        task = current_label()
        if task is not None and not link.is_closing():
            link.sent_by = task

    def unsent(self) -> Iterator[Link]:
        """Those that the program has written on, in order; each is handed out once."""
        for link in list(self._written):
            del self._written[link]
            yield link

    def settle(self) -> bool:
        """Let everything out that was written, and learn what came of it. True if the loop has something to run
        again.
        """
        again = False
        for link in self.unsent():
            with self._in_turn():
                if link.outbox:
                    if self._replica is not None and link.on_replica:
                        self._replica.keep_up(self._backends.control, self._links)
                    again = self.let_out(link) or again
                    self._await_reply(link)
                    self._await_cancelled(link)
                    self._await_notified(link)
                if link.is_closing():
                    link.finish()
                    self._tell(Event("closed", f"{link.label} was closed by the program", link.sent_by, link.label))
            if SIGNALS.search(link.request.statement):
                while self._wait_for_any([one for one in self._links if one is not link], NOTICE_PATIENCE):
                    pass
        self._recheck_blocked()
        for link in wait_ready(self._links, 0):
            link.exchange(0)
            self._await_reply(link, unasked=True)
        return again

    def let_out(self, link: Link) -> bool:
        """Let out what was written here. True if the loop has something to run again."""
        waiting_before = bool(link.inbox)
        try:
            link.let_out()
        except ForeignConnection as error:
            link.fail(error)
            self._tell(Event("failed", str(error), link.sent_by, link.label))
            return True
        link.request = replace(link.request, statement=self._clean(link.request.statement))
        if link.request.command:
            text = link.request.statement or link.request.command
            self._tell(Event("sent", f"{link.request.command} on {link.label}: {text}", link.sent_by, link.label))
        return link.phase is Phase.NEW and bool(link.inbox) and not waiting_before

    # In ---------------------------------------------------------------------

    def arrived(self, link: Link) -> None:
        """Its reply is whole: it waits from now on, behind those that came before it."""
        link.arrived = next(self._arrivals)

    def await_server(self) -> bool:
        """No choice is left: the server may still end a blocked request by a timeout of its own, or say something."""
        blocked = any(link.blocked_by for link in self._links)
        if not self._wait_for_any(self._links, STUCK_PATIENCE if blocked else SILENCE_PATIENCE):
            return False
        self._recheck_blocked()
        return True

    def read_ends(self) -> None:
        """Whose snapshot was in the way of the replica's replay has been told, unasked, that its connection ends."""
        for one in wait_ready([link for link in self._links if link.on_replica and not link.waiting], 0):
            _read_end(one)
            self._await_reply(one)

    def _await_reply(self, link: Link, *, unasked: bool = False) -> None:
        """Read until the reply is whole or the server says that it waits for a lock. `unasked`: nobody asked for it."""
        patience = REPLY_PATIENCE
        beat_at = monotonic() + 1.0
        while link.waiting:
            if monotonic() > beat_at:
                self._beat(f"the server works on {link.request.command} on {link.label}")
                beat_at = monotonic() + 1.0
            if link.exchange(patience):
                continue
            if link.pid is not None:
                blockers = self._backends.blockers([link]).get(link.label)
                if blockers:
                    if not link.blocked_by:
                        link.queued = next(self._queue_numbers)
                        if any(name.startswith("pid ") for name in blockers):
                            self._escape(f"{link.label} waits for a lock that is held outside of this run")
                    link.blocked_by = blockers
                    if not link.exchange(CHECKED) and self._freezer.asleep(link):
                        return
                    continue
            patience = LONG_PATIENCE
        link.blocked_by = ()
        if (link.inbox or link.eof) and not link.arrived and link.phase is Phase.STARTED:
            self.arrived(link)
            if not (link.on_replica or link.replies.in_transaction or CHANGES_NOTHING.issuperset(link.replies.tags)):
                self.changed = True
            link.replies.error = link.replies.error and self._clean(link.replies.error)
            self._tell_notified(link, unasked)
            if self._replica is not None:
                self._replica.note(link, self._backends.control)

    def _await_cancelled(self, cancel: Link) -> None:
        """What waits for a lock and is cancelled is given the time to notice: it ends by an error, or by its lock.

        The server has passed the signal on when it closes the connection of the cancel request; no more than that.
        """
        if cancel.cancels is not None:
            there = [link for link in self._links if link.on_replica is cancel.on_replica and link.blocked_by]
            for link in (link for link in there if link.pid == cancel.cancels):
                self._freezer.thaw(link)
                self._wait_for_any([link], CANCEL_PATIENCE)

    def _await_notified(self, sender: Link) -> None:
        """Who listens is given the time to hear of what was just sent. Who listens to something else hears nothing."""
        if sender.notifies and not sender.waiting and sender.replies.transaction == "idle":
            sender.notifies = False
            for link in self._links:
                if link.listens and not link.waiting and link is not sender and link.exchange(NOTICE_PATIENCE):
                    self._await_reply(link)

    def _tell_notified(self, link: Link, unasked: bool) -> None:
        ours = {one.pid for one in self._links}
        senders, link.replies.notified[:] = list(link.replies.notified), []
        if not ours.issuperset(senders):
            self._escape(f"{link.label} was notified from outside of this run: a channel is the whole database’s")
        elif senders and unasked:
            self._escape(f"a notification came on {link.label}, at a moment that is the server’s choice")

    def _wait_for_any(self, asked: list[Link], patience: float) -> bool:
        heard = wait_ready(asked, patience)
        for link in heard:
            link.exchange(0)
            self._await_reply(link)
        return bool(heard)

    # Those who wait for a lock ---------------------------------------------------------------------

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """While this is done, nobody who waits for a lock goes on; after it those who can do, one after the other."""
        waiting = [link for link in self._links if link.blocked_by]
        alone = len(waiting) < 2 or self._freezer.freeze(waiting)
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
            blocked = sorted((link for link in self._links if link.blocked_by), key=lambda link: link.queued)
            for link in self._backends.await_abandoned():
                self._escape(f"the backend of {link.label} was abandoned at work, and works still")
            if not blocked:
                self._freezer.thaw()
                return any_free
            blockers = self._backends.blockers(blocked)
            free = [link for link in blocked if link.label not in blockers or wait_ready([link], 0)]
            for link in blocked:
                link.blocked_by = blockers.get(link.label, link.blocked_by)
            for link in free[:1]:
                any_free = True
                self._freezer.thaw(link)
                self._await_reply(link)
            if not free and not (has_cycle(blockers) and self._wait_for_any(blocked, DEADLOCK_PATIENCE)):
                self._freezer.thaw()
                return any_free

    def _tell_race(self, waiting: list[Link]) -> None:
        """Who could not be held still may have gone for the same row as others."""
        if self._backends.any_wants_a_row(link for link in waiting if link.blocked_by):
            names = ", ".join(link.label for link in sorted(waiting, key=lambda link: link.queued))
            self._escape(f"{names} went for the same row at once, and the server let one of them have it")

    # Ends from outside ---------------------------------------------------------------------

    def terminate(self, link: Link) -> None:
        """Have the server end the backend of this connection, as an administrator would."""
        with self._in_turn():
            self._freezer.thaw(link)
            self._backends.server(link).query(f"select pg_terminate_backend({link.pid}, 5000)")
            _read_end(link)
            link.blocked_by = ()

    def drop(self, link: Link) -> None:
        """Have the network lose this connection."""
        with self._in_turn():
            link.fail(ConnectionResetError("Connection reset by peer"))

    def die(self) -> None:
        """All connections end, whatever they were doing. The server rolls back what was open, and we wait for that."""
        alive = [link for link in self._links if link.pid is not None and link.sock is not None]
        for link in self._links:
            link.finish()
        self._backends.await_gone(alive)


def _read_end(link: Link) -> None:
    while not link.eof and link.exchange(END_PATIENCE):
        pass
