"""The engine's own way to the lab: every authentication a server may ask for, and questions answered or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dashboard.servers.lab import vacuum
from interlock import lab
from interlock.replica import LOCK

METHODS = {"scram": "scram-sha-256", "md5": "md5", "clear": "password"}


@pytest.fixture
def guarded(lab_url: str) -> Iterator[str]:
    """The lab, with a role for each method of authentication, whose password is "se cret"."""
    with psycopg.connect(lab_url, autocommit=True) as connection:
        row = connection.execute("show hba_file").fetchone()
        assert row is not None
        hba = Path(row[0])
        before = hba.read_text()
        for role, method in METHODS.items():
            connection.execute(f"set password_encryption to '{'md5' if method == 'md5' else 'scram-sha-256'}'")
            connection.execute(f"create role {role} login password 'se cret'")
        try:
            lines = [f"local all {role} {method}\n" for role, method in METHODS.items()]
            hba.write_text("".join(lines) + before)
            connection.execute("select pg_reload_conf()")
            yield lab_url
        finally:
            hba.write_text(before)
            connection.execute("select pg_reload_conf()")
            connection.execute(f"drop role {', '.join(METHODS)}")


def with_user(url: str, user: str, password: str) -> lab.Address:
    parts = urlsplit(url)
    return lab.address(f"postgresql://{user}:{password.replace(' ', '%20')}@{parts.path}?{parts.query}")


@pytest.mark.parametrize("role", METHODS)
def test_a_password_is_given_as_the_server_asks_for_it(guarded: str, role: str) -> None:
    one = lab.Lab(with_user(guarded, role, "se cret"), "test")
    assert one.query("select current_user") == [(role,)]
    one.close()
    with pytest.raises(lab.LabRefused, match=f'password authentication failed for user "{role}"'):
        lab.Lab(with_user(guarded, role, "wrong"), "test")


def test_questions_and_refusals(lab_url: str) -> None:
    one = lab.Lab(lab.address(lab_url), "test")
    assert one.query("select 1, null, 'ä'; select 2 where false") == []
    assert one.query("select 1, null, 'ä'") == [("1", None, "ä")]
    with pytest.raises(lab.LabError, match=r"division by zero \(SQLSTATE 22012\)"):
        one.query("select 1/0")
    odd = 'it\'s a \\ "test" $$'
    assert one.query(f"select {lab.literal(odd)}, {lab.literal(None)}") == [(odd, None)]
    assert one.query(f"select 1 as {lab.identifier(odd)}") == [("1",)]
    one.close()


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://u:p%40@h:6432/d", lab.Address("h", 6432, "u", "p@", "d")),
        ("postgresql://u@/d?host=/run/pg&port=5433", lab.Address("/run/pg", 5433, "u", "", "d")),
        ("postgres://u@h", lab.Address("h", 5432, "u", "", "u")),
        ("postgresql://h/d?sslmode=require&user=u", lab.Address("h", 5432, "u", "", "d", "require")),
    ],
)
def test_urls_are_read_as_libpq_does(url: str, where: lab.Address) -> None:
    assert lab.address(url) == where


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(lab.LabError, match="must begin with postgresql://"):
        lab.address("mysql://h/d")


def test_the_lab_is_vacuumed_but_not_under_a_run_on_the_replica(lab_url: str) -> None:
    with psycopg.connect(lab_url, autocommit=True) as connection:

        def vacuumed() -> object:
            asked = "select last_vacuum from pg_stat_all_tables where relid = 'pg_attribute'::regclass"
            return connection.execute(asked).fetchone()

        before = vacuumed()
        connection.execute("select pg_advisory_lock(%s)", [LOCK])
        vacuum(lab_url)
        assert vacuumed() == before
        connection.execute("select pg_advisory_unlock(%s)", [LOCK])
        vacuum(lab_url)
        assert vacuumed() != before
