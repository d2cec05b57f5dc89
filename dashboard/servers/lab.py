"""The lab from outside: whether it answers, and clearing away what a run left in it."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
from psycopg import sql

from interlock.lab import gid_prefix
from interlock.replica import LOCK

END_BACKENDS = """
select count(pg_terminate_backend(pid, 2000))
from pg_stat_activity
where starts_with(application_name, %(application)s) and pid <> pg_backend_pid()
"""

# A prepared transaction outlives its backend and keeps its locks; the run's are known by their names.
PREPARED = """
select gid
from pg_prepared_xacts
where database = current_database() and starts_with(gid, %(prefix)s)
"""


class LabDown(Exception):
    """The lab cannot be used; the message says why and what to do."""

    def __init__(self, why: object) -> None:
        reason = str(why).strip().split("\n")[0]
        super().__init__(
            f"The lab (the PostgreSQL that programs are run on) cannot be used: {reason}. If it is a "
            "server of yours, see that it runs and that INTERLOCK_LAB_URL is right; else start the dashboard again."
        )


def check(lab_url: str) -> None:
    """Return if the lab answers, else raise `LabDown`."""
    try:
        with psycopg.connect(lab_url, connect_timeout=5, application_name="interlock") as lab:
            lab.execute("select 1")
    except psycopg.Error as error:
        raise LabDown(error) from error


def drop_schema(lab_url: str, schema: str, replica_url: str | None = None) -> None:
    """End the run's backends, roll back what it prepared, drop its schema. Bounded in time; does no harm twice."""
    try:
        if replica_url is not None:
            _leave_replica(lab_url, schema, replica_url)
        with psycopg.connect(lab_url, autocommit=True, connect_timeout=5, application_name="interlock") as lab:
            lab.execute("set statement_timeout = '10s'")
            lab.execute(END_BACKENDS, {"application": f"interlock:{schema}:"})
            for (gid,) in lab.execute(PREPARED, {"prefix": gid_prefix(schema)}).fetchall():
                lab.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
            lab.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
    except psycopg.Error as error:
        raise LabDown(error) from error


def vacuum(lab_url: str) -> None:
    """Clean up what dropped schemas leave in the lab's catalogs, in place of an autovacuum.

    Not while a run has the replica: what a vacuum removes there ends those who might still see it, and when that
    happens should be a choice of the run alone.
    """
    try:
        with psycopg.connect(lab_url, autocommit=True, connect_timeout=5, application_name="interlock") as lab:
            if lab.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (True,):
                lab.execute("vacuum")
    except psycopg.Error as error:
        raise LabDown(error) from error


def _leave_replica(lab_url: str, schema: str, replica_url: str) -> None:
    """End the run's backends on the replica; if it stands still and is nobody's, have it follow the lab again."""
    options: dict[str, Any] = {"autocommit": True, "connect_timeout": 5, "application_name": "interlock"}
    with contextlib.suppress(psycopg.OperationalError):  # one that is gone has nothing of the run
        with psycopg.connect(replica_url, **options) as replica:
            replica.execute(END_BACKENDS, {"application": f"interlock:{schema}:"})
            with psycopg.connect(lab_url, **options) as lab:
                lab.execute(END_BACKENDS, {"application": f"interlock:{schema}:replica"})
                if lab.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (True,):
                    replica.execute("select pg_wal_replay_resume()")
