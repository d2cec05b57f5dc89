"""A store of the module's own, empty for each test, and a client of the dashboard over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.store import Store
from dashboard.store import migrate
from tests.databases import fresh_database

FILLED = "run, step, command, stack, procrastinate_jobs, history, setting, pin"


@pytest.fixture(scope="module")
def database(store_url: str) -> Iterator[str]:
    with fresh_database(store_url) as url:
        migrate(url)
        yield url


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = Store(database)
    with store.transaction() as tx:
        tx.exec_driver_sql(f"truncate {FILLED} cascade")
    yield store
    store.close()


@pytest.fixture
def client(store: Store, tmp_path: Path) -> FlaskClient:
    return create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
