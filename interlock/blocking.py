"""Who waits for a lock, and for whom: asked of the server, since nothing that a client can see tells it."""

from __future__ import annotations

from collections.abc import Iterable

from interlock import lab
from interlock import link_view
from interlock.link import Link

BLOCKED_SQL = """
select pid, array_to_string(pg_blocking_pids(pid), ','), pg_catalog.pg_isolation_test_session_is_blocked(pid, {run})
from unnest({asked}) as pid
"""

WAITS_SQL = """
select one.pid, cardinality(pg_blocking_pids(one.pid)) > 0
from unnest({asked}) as asked, pg_stat_get_activity(asked) as one
"""


def blockers(server: lab.Lab, asked: list[Link], links: list[Link]) -> dict[str, tuple[str, ...]]:
    """Who keeps these requests to one server waiting, by label; those that wait for no lock are left out.

    `links` are all of the run, by which those in the way are named.
    """
    there = asked[0].on_replica
    by_pid = {link.pid: link for link in links if link.pid is not None and link.on_replica is there}
    sql = BLOCKED_SQL.format(asked=pids(asked), run=pids(by_pid.values()))
    found = {}
    for pid, blocking, blocked in server.query(sql):
        if blocked == "t" or blocking:
            names = [
                by_pid[int(one)].label if int(one) in by_pid else link_view.stranger(asked[0], int(one))
                for one in (blocking or "").split(",")
                if one
            ]
            found[by_pid[int(pid or 0)].label] = tuple(sorted(set(names))) or ("?",)
    return found


def pids(links: Iterable[Link]) -> str:
    """The backends of these as SQL."""
    return "array[" + ",".join(str(link.pid) for link in links) + "]::int[]"


def has_cycle(blockers: dict[str, tuple[str, ...]]) -> bool:
    """Whether they wait for each other in a circle."""

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for one in blockers.get(start, ()):
            if one == goal or (one not in seen and reaches(one, goal, seen | {one})):
                return True
        return False

    return any(reaches(label, label, {label}) for label in blockers)
