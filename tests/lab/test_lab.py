"""Clearing the lab after a run, whatever the run has left there."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from dashboard import lab
from dashboard.lab import LabDown

LEFT = """
select 'schema' from pg_namespace where nspname = 'run_987654'
union all select 'prepared transaction' from pg_prepared_xacts where gid = 'of the run'
union all select 'backend' from pg_stat_activity where starts_with(application_name, 'interlock:run_987654:')
"""


def left(url: str) -> list[str]:
    with closing(psycopg.connect(url)) as connection:
        return [row[0] for row in connection.execute(LEFT)]


def test_locks_prepared_transactions_and_backends_are_cleared_away(lab_url: str) -> None:
    with (
        closing(psycopg.connect(lab_url, application_name="interlock:run_987654:c1")) as of_the_run,
        closing(psycopg.connect(lab_url, application_name="interlock:run_9876543:c1")) as of_another,
    ):
        of_the_run.execute("create schema run_987654")
        of_the_run.execute("create table run_987654.account (id int)")
        of_the_run.commit()
        of_the_run.execute("insert into run_987654.account values (1)")
        of_the_run.execute("prepare transaction 'of the run'")
        of_the_run.commit()
        of_the_run.execute("lock table run_987654.account in row exclusive mode")
        assert left(lab_url) == ["schema", "prepared transaction", "backend"]
        lab.drop_schema(lab_url, "run_987654")
        assert left(lab_url) == []
        of_another.execute("select 1")
    lab.drop_schema(lab_url, "run_987654")


def test_a_lab_that_is_down_is_named() -> None:
    with pytest.raises(LabDown, match=r"The lab .* cannot be used: .*INTERLOCK_LAB_URL"):
        lab.drop_schema("postgresql://nobody@127.0.0.1:1/lab", "run_987654")
