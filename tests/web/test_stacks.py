"""The page of stacks, and how one is installed."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import HX


def test_a_stack_is_installed_with_its_progress_shown(client: FlaskClient, store: Store) -> None:
    assert "not installed" in client.get("/stacks").text
    answer = client.post("/stacks/sqlalchemy-2.0/install", headers=HX)
    assert 'hx-trigger="every 1s"' in answer.text
    assert client.post("/stacks/sqlalchemy-2.0/install", headers=FORM).status_code == 303
    store.set_stack("sqlalchemy-2.0", "installing", log="")
    store.append_stack_log("sqlalchemy-2.0", "Collecting asyncpg\n", "fetching libraries, 2 of about 10")
    row = store.stack("sqlalchemy-2.0")
    assert row
    url = f"/stacks/sqlalchemy-2.0/live?rev={row.rev}"
    assert client.get(url, headers=HX).status_code == 204
    assert "fetching libraries, 2 of about 10" in client.get("/stacks").text
    store.set_stack("sqlalchemy-2.0", "failed", error="no C compiler; apt-get install gcc")
    failed = client.get(url, headers=HX)
    assert "no C compiler" in failed.text
    assert "Try again" in failed.text
    assert "hx-trigger" not in failed.text


def test_an_unknown_stack_names_those_there_are(client: FlaskClient) -> None:
    answer = client.post("/stacks/none/install", headers=FORM)
    assert answer.status_code == 404
    assert "sqlalchemy-1.4.42" in answer.text


def test_stacks_are_filtered_by_what_they_hold_and_how_they_are(client: FlaskClient) -> None:
    page = client.get("/stacks?search=1.4.42")
    assert "Showing 1 of 5 stacks" in page.text
    assert 'id="sqlalchemy-1.4.42"' in page.text
    assert '<option value="ready">ready (1)</option>' in client.get("/stacks").text
    assert "Showing 4 of 5 stacks" in client.get("/stacks?state=missing").text
    assert "see all stacks" in client.get("/stacks?search=django").text


def test_several_stacks_are_installed_at_once(client: FlaskClient, store: Store) -> None:
    page = client.get("/stacks?search=2.0.5")
    names = re.findall(r'name="stack" value="([^"]*)"', page.text)
    assert len(names) > 1
    assert f"Install these {len(names)}" in page.text
    for _ in range(2):  # asking twice installs once
        assert client.post("/stacks/install", data={"stack": names}, headers=FORM).location == "/stacks"
    assert {one.name: one.state for one in store.stacks()} == dict.fromkeys(names, "queued")
    assert "Install these" not in client.get("/stacks?search=2.0.5").text
    assert client.post("/stacks/install", data={"stack": "none"}, headers=FORM).status_code == 404
    assert "Install these" not in client.get("/stacks?search=1.4").text  # one has a button of its own
