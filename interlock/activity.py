"""What the server itself says of a run's connections at a step: pg_stat_activity and pg_locks, as plain values.

The question goes out before the program's tasks are looked at and the answer is read afterwards, so that the server
works meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from interlock import lab
from interlock.backends import Backends
from interlock.backends import stranger
from interlock.frame import ActivityRow
from interlock.link import Link

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
MOST_LOOKS = 1000  # at backends that have replied and do not wait yet


class Activity:
    """Looks at the backends of `links`, all the connections of a run. Call `ask`, and then `answer`."""

    def __init__(self, links: list[Link], backends: Backends, clean: Callable[[str], str]) -> None:
        self._links = links
        self._backends = backends
        self._clean = clean
        self._asked: list[Link] = []
        self._prepared: set[lab.Lab] = set()  # connections that know the question
        self._sleep = time.sleep  # the real one, whatever a program does to the module

    def prepare(self, server: lab.Lab) -> None:
        """Have a connection know the question, so that of many runs none has to tell it again."""
        if server not in self._prepared:
            server.query(ACTIVITY_SQL)
            self._prepared.add(server)

    def ask(self) -> None:
        """Have each server set to work."""
        self._asked = [one for one in self._links if one.pid is not None and (one.sock is not None or one.left_busy)]
        for server, there in self._backends.by_server(self._asked):
            self.prepare(server)
            server.ask(_execute(there))

    def answer(self) -> tuple[ActivityRow, ...]:
        """A row for each connection, in their order. A backend goes to sleep a moment after it has replied: look until
        it does.
        """
        found: dict[str, ActivityRow] = {}
        for server, there in self._backends.by_server(self._asked):
            rows = server.answer()
            replied = {str(link.pid) for link in there if not link.waiting and not link.left_busy}
            for look in range(MOST_LOOKS):
                if all(row[2] or row[1] == "" or row[0] not in replied for row in rows):
                    break
                self._sleep(0.0 if look < 10 else 0.001)  # on a busy machine it may have to wait for a processor
                rows = server.query(_execute(there))
            found.update((row.connection, row) for row in _views(there, rows, self._clean))
        return tuple(found[link.label] for link in self._asked)


def _execute(links: list[Link]) -> str:
    return f"execute activity(array[{','.join(str(link.pid) for link in links)}])"


def _views(links: list[Link], rows: list[lab.Row], clean: Callable[[str], str]) -> tuple[ActivityRow, ...]:
    """The rows of one server in the order of the connections; a backend without a row is gone."""
    by_pid = {int(row[0] or 0): row for row in rows}
    labels = {link.pid: link.label for link in links}
    views = []
    for link in links:
        row = by_pid.get(link.pid or 0)
        if row is None:
            views.append(ActivityRow(link.label, "gone", replica=link.on_replica, pid=link.pid or 0))
            continue
        blockers = [int(pid) for pid in (row[9] or "").split(",") if pid]
        views.append(
            ActivityRow(
                connection=link.label,
                state=row[1] or "",
                wait_event_type=row[2] or "",
                wait_event=row[3] or "",
                query=clean(" ".join((row[4] or "").split())[:400]),
                in_transaction=row[5] == "t",
                has_xid=row[6] == "t",
                locks=tuple(clean(row[10]).split(", ")) if row[10] else (),
                blocked_by=tuple(sorted({labels.get(pid) or stranger(link, pid) for pid in blockers})),
                replica=link.on_replica,
                pid=link.pid or 0,
                xact_age_ms=float(row[7]) if row[7] is not None else None,
                backend_start=row[8] or "",
            )
        )
    return tuple(views)
