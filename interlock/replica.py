"""The replica of the lab in the hands of one run: it stands still, and catches up when somebody chooses so.

Its lag is held at a gate like everything else that comes from outside: replay is paused but while it catches up, and
then it replays at least what the primary had written by that moment. Replay stops for a whole server, so the replica
belongs to one run at a time: whoever holds an advisory lock on the lab. The lock goes with the connection that took it,
whatever becomes of the run, and whoever takes it next begins by letting the replica catch up.

How far it is behind is counted in transactions of this run alone. Other runs write to the same lab, and what is offered
here must not depend on them. Neither must what a program is told that asks how far the replay has come, and waits for
a position which others have moved: so while nothing of this run is behind, the replica keeps up with the others.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence

from interlock import lab
from interlock.link import Link

LOCK = 7_305_808_869_233_644  # any number that programs do not use
LOOK_EVERY = 0.001
TELL_EVERY = 1.0
PATIENCE = 60.0  # seconds without any progress of the replay: twice what PostgreSQL gives to queries in its way

# Catalogs have low numbers. Who replays holds their locks as the vacuum on the primary does that cuts their ends off.
CATALOG_LOCKS = "select from pg_lock_status() where mode = 'AccessExclusiveLock' and relation < 16384"
LOCK_NOT_AVAILABLE = "SQLSTATE 55P03"

# Command tags of what writes nothing. Outside of a transaction block all others count, if they touched a row.
_READING = {"SELECT", "FETCH", "MOVE", "SHOW", "SET", "RESET", "BEGIN", "START", "ROLLBACK"}
_READING |= {"DISCARD", "DEALLOCATE", "PREPARE", "LISTEN", "UNLISTEN", "NOTIFY"}


class Replica:
    """One run's hold on the replica. `wait` tells that another run has it, `beat` that it is being waited for."""

    control: lab.Lab  # the engine's own connection to it

    def __init__(
        self,
        primary: lab.Address,
        where: lab.Address,
        hosts: Sequence[str],
        schema: str,
        *,
        steps: bool,
        wait: Callable[[str], None],
        beat: Callable[[str], None],
    ) -> None:
        self.where = where
        self.behind = 0  # committed transactions of this run that it may not have replayed
        self._primary = primary
        self._hosts = frozenset(host.lower() for host in hosts)
        self._schema = schema
        self._steps = steps  # False: it follows the primary as the network has it
        self._wait = wait
        self._beat = beat
        self._monotonic = time.monotonic  # the real one, whatever is done to the module later
        self._writing: set[str] = set()  # connections in a transaction that has written
        self._opened = False

    def is_meant_by(self, tag: str) -> bool:
        """Whether the program, connecting to `host:port`, means the replica."""
        return tag.rpartition(":")[0].lower() in self._hosts

    def take(self) -> None:
        """Wait until no other run has it. Raises `lab.LabError`."""
        self._lock = lab.Lab(self._primary, f"interlock:{self._schema}:replica")
        self._lock.ask(f"select pg_advisory_lock({LOCK})")
        while not self._lock.answers_within(TELL_EVERY):
            self._wait("another run uses the replica, and this one waits until it is over")
        self._lock.answer()

    def open(self) -> None:
        """Connect, anew if need be. Raises `lab.LabError`."""
        settings = {**lab.QUICK, "lock_timeout": "1s"}
        self.control = lab.Lab(self.where, f"interlock:{self._schema}:control", settings)
        if self.control.query("select pg_is_in_recovery()") != [("t",)]:
            raise lab.LabError(
                f"The server at {self.where} is no replica: it takes writes. INTERLOCK_LAB_REPLICA_URL must name a "
                "streaming replica of the lab."
            )
        self._opened = True

    def catch_up(self, primary: lab.Lab, *, commit: bool = True) -> None:
        """Let it replay all that the primary has written so far, then stop it again. Raises `lab.LabError`.

        `commit`: write a mark first, so that commits that nobody waited for are out too.
        """
        self._replay(primary, commit)
        while self._steps and not self._stopped():
            self._beat("the replica waits for a vacuum of the lab’s catalog")
            time.sleep(LOOK_EVERY * 20)
            self._replay(primary, True)
        self.behind = 0

    def keep_up(self, primary: lab.Lab, links: Iterable[Link]) -> None:
        """A request to it is about to go out: if all that this run has written is there, have it replay what others
        wrote. Not while one of `links`, all connections of the run, could tell: it writes, or has a snapshot here.
        """
        if not self._steps or self.behind or any(self._could_tell(one) for one in links if one.sock is not None):
            return
        written = primary.query("select pg_current_wal_insert_lsn()")[0][0]
        if self.control.query("select pg_last_wal_replay_lsn()")[0][0] != written:
            self.catch_up(primary)

    def _could_tell(self, link: Link) -> bool:
        inside = link.on_replica and link.replies.in_transaction
        return link.waiting or inside or link.label in self._writing

    def _replay(self, primary: lab.Lab, commit: bool) -> None:
        if commit:
            primary.query("select pg_logical_emit_message(true, 'interlock', '')")
        target = primary.query("select pg_current_wal_flush_lsn()")[0][0]
        self.control.query("select pg_wal_replay_resume()")
        self._until(f"select pg_last_wal_replay_lsn() >= {lab.literal(target)}, pg_last_wal_replay_lsn()")

    def _stopped(self) -> bool:
        """Stop it. False if it has stopped within a vacuum that locks a catalog: nobody could even connect then."""
        self.control.query("select pg_wal_replay_pause()")
        self._until("select pg_get_wal_replay_pause_state() = 'paused', pg_last_wal_replay_lsn()")
        try:
            return not self.control.query(CATALOG_LOCKS)
        except lab.LabError as error:
            if LOCK_NOT_AVAILABLE in str(error):
                return False
            raise

    def let_go(self) -> None:
        """Have it follow the primary again, before this process ends and the advisory lock with it."""
        if self._opened:
            with contextlib.suppress(lab.LabError):  # then whoever has it next does that
                self.control.query("select pg_wal_replay_resume()")

    def note(self, link: Link, primary: lab.Lab) -> None:
        """A reply of the primary is whole: if it committed something, the replica is one more transaction behind."""
        if not self._steps or link.on_replica or link.pid is None:
            return
        if link.replies.transaction != "idle":
            if primary.query(f"select from pg_stat_get_activity({link.pid}) where backend_xid is not null"):
                self._writing.add(link.label)
            return
        tags = link.replies.tags
        wrote = link.label in self._writing or any(_writes(tag) for tag in tags)
        self._writing.discard(link.label)
        undone = "ROLLBACK" in tags or "PREPARE TRANSACTION" in tags or link.replies.error is not None
        if wrote and ("COMMIT" in tags or not undone):
            self.behind += 1

    def _until(self, question: str) -> None:
        """Ask until it is true. Raises `lab.LabError` if the replay makes no progress for too long."""
        seen, moved = None, self._monotonic()
        told = moved
        while True:
            done, at = self.control.query(question)[0]
            if done == "t":
                return
            now = self._monotonic()
            if at != seen:
                seen, moved = at, now
            if now > moved + PATIENCE:
                raise lab.LabError(
                    f"The replica at {self.where} does not follow the lab: it has replayed up to {at} and goes no "
                    "further. Is it a streaming replica of this lab, and is a query on it in the way?"
                )
            if now > told + TELL_EVERY:
                told = now
                self._beat("the replica catches up")
            time.sleep(LOOK_EVERY)


def _writes(tag: str) -> bool:
    words = tag.split()
    if tag == "COMMIT PREPARED":
        return True
    if words[0] in _READING or words[0] == "COMMIT":
        return False
    return words[-1] != "0"
