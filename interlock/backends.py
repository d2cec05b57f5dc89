"""The backends of a run: what only the server can tell of them, who waits for a lock, for whom, and who is gone.

A backend is a process of one server, so each question goes to the server that its connection leads to: the primary, or
the replica.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic  # the real ones, whatever is done to the module later
from time import sleep
from typing import Optional

from interlock import lab
from interlock.link import Link
from interlock.replica import Replica

BURIAL_PATIENCE = 5.0  # seconds that backends may take to notice that their client died

BLOCKED_SQL = """
select pid, array_to_string(pg_blocking_pids(pid), ','), pg_catalog.pg_isolation_test_session_is_blocked(pid, {run})
from unnest({asked}) as pid
"""

WAITS_SQL = """
select one.pid, cardinality(pg_blocking_pids(one.pid)) > 0
from unnest({asked}) as asked, pg_stat_get_activity(asked) as one
"""

# What backends wait for that want a row, as the server names it.
ROW_SQL = """
select from unnest({asked}) as asked, pg_stat_get_activity(asked)
where wait_event = any(array['transactionid', 'tuple', 'spectoken'])
"""


class Backends:
    """The backends of `links`, all the connections of a run. `control` must be set before anything is asked."""

    control: lab.Lab  # the engine's own connection to the lab

    def __init__(self, links: list[Link], replica: Optional[Replica]) -> None:
        self._links = links
        self._replica = replica

    def server(self, link: Link) -> lab.Lab:
        """The engine's own connection to the server that this connection leads to."""
        return self._replica.control if link.on_replica and self._replica is not None else self.control

    def by_server(self, asked: Iterable[Link]) -> list[tuple[lab.Lab, list[Link]]]:
        """These connections by the server that they lead to, with the engine's own connection to it."""
        found: dict[bool, list[Link]] = {}
        for link in asked:
            found.setdefault(link.on_replica, []).append(link)
        return [(self.server(there[0]), there) for there in found.values()]

    def blockers(self, asked: Iterable[Link]) -> dict[str, tuple[str, ...]]:
        """Who keeps these requests waiting, by label; those that wait for no lock are left out."""
        found: dict[str, tuple[str, ...]] = {}
        for server, there in self.by_server(asked):
            replica = there[0].on_replica
            by_pid = {link.pid: link for link in self._links if link.pid is not None and link.on_replica is replica}
            rows = server.query(BLOCKED_SQL.format(asked=_sql(there), run=_sql(by_pid.values())))
            for pid, blocking, blocked in rows:
                if blocked == "t" or blocking:
                    pids = [int(one) for one in (blocking or "").split(",") if one]
                    names = {by_pid[one].label if one in by_pid else stranger(there[0], one) for one in pids}
                    found[by_pid[int(pid or 0)].label] = tuple(sorted(names)) or ("?",)
        return found

    def any_wants_a_row(self, asked: Iterable[Link]) -> bool:
        """Whether one of these waits for a row: who waits for a table is served in turn, who waits for a row is not."""
        return any(server.query(ROW_SQL.format(asked=_sql(there))) for server, there in self.by_server(asked))

    def await_abandoned(self) -> list[Link]:
        """Wait for backends whose client left while they waited for a lock: once they have it they notice, and end.

        Returns the links of those that have the lock and still work after `BURIAL_PATIENCE`.
        """
        until = monotonic() + BURIAL_PATIENCE
        at_work: list[Link] = []
        for server, there in self.by_server(link for link in self._links if link.abandoned):
            working, ended = there, False
            while (working or ended) and monotonic() < until:  # the end of one may let go another that waited
                rows = server.query(WAITS_SQL.format(asked=_sql(there)))
                waits = {int(pid or 0): blocked for pid, blocked in rows}
                for link in there:
                    link.abandoned = link.pid in waits
                still = [link for link in there if link.abandoned]
                there, ended = still, 0 < len(still) < len(there)
                working = [link for link in there if waits[link.pid or 0] == "f"]
            at_work += working
        return at_work

    def await_gone(self, asked: Iterable[Link]) -> None:
        """All these have lost their client: wait until the server has rolled back what they had open."""
        until = monotonic() + BURIAL_PATIENCE
        for server, there in self.by_server(asked):
            while server.query(f"select from unnest({_sql(there)}) as asked, pg_stat_get_activity(asked) limit 1"):
                if monotonic() > until:
                    break
                sleep(0.01)


def has_cycle(blockers: dict[str, tuple[str, ...]]) -> bool:
    """Whether they wait for each other in a circle."""

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for one in blockers.get(start, ()):
            if one == goal or (one not in seen and reaches(one, goal, seen | {one})):
                return True
        return False

    return any(reaches(label, label, {label}) for label in blockers)


def stranger(link: Link, pid: int) -> str:
    """What to call a process that keeps a connection waiting and is none of the run's own."""
    return "the replay" if link.on_replica else f"pid {pid}"


def _sql(links: Iterable[Link]) -> str:
    """The backends of these as SQL."""
    return "array[" + ",".join(str(link.pid) for link in links) + "]::int[]"
