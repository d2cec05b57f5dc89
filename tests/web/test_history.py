"""Who did what."""

from __future__ import annotations

import html
import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from dashboard.store import HistoryFilter
from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import text


def test_history_cannot_be_rewritten(store: Store) -> None:
    store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", actor="ann")
    for statement in ("update history set actor = 'bob'", "delete from history"):
        with pytest.raises(sa.exc.DBAPIError, match="only ever added to"), store.transaction() as tx:
            tx.exec_driver_sql(statement)


def test_choosing_is_noted_once_and_commands_each_time(store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", actor="ann")
    for kind in ("advance", "advance", "play", "pause", "play"):
        store.command(run_id, kind, actor="bob")
    deeds, total, counts = store.history(HistoryFilter(object=f"run:{run_id}"))
    assert [deed.action for deed in deeds] == ["play", "pause", "play", "advance", "start"]
    assert total == 5
    assert counts["actor"] == {"ann": 1, "bob": 4}


def test_the_history_tells_who_did_what_and_leads_there(client: FlaskClient, store: Store) -> None:
    assert "Nothing was done yet." in client.get("/history").text
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", actor="ann")
    store.command(run_id, "stop", actor="bob")
    client.post("/stacks/sqlalchemy-2.0/install", headers=FORM)
    said = text(client.get("/history"))
    assert f"ann started run {run_id}" in said
    assert f"bob stopped run {run_id}" in said
    assert "installed stack sqlalchemy-2.0" in said
    assert "Showing 1 of 1 entry that match" in client.get("/history?actor=bob").text
    assert "Showing 2 of 2 entries" in client.get(f"/history?object=run:{run_id}").text
    assert "Showing 1 of 1 entry" in client.get("/history?search=shared_session").text
    assert f'href="/history?object=run:{run_id}"' in client.get(f"/runs/{run_id}").text


def test_history_pages_say_how_many(client: FlaskClient, store: Store) -> None:
    for number in range(53):
        store.note("ann", "settings", "retention", f"change {number}")
    assert "Showing 50 of 53 entries" in client.get("/history").text
    assert "Showing 3 of 53 entries" in client.get("/history?page=2").text
    assert "Showing 3 of 53 entries" in client.get("/history?page=9").text  # beyond the last one
    following = html.unescape(re.findall(r'href="([^"]*)" rel="next"', client.get("/history").text)[0])
    store.note("ann", "settings", "retention", "change 53")
    second = client.get(following)
    assert [f"change {number}<" in second.text for number in (0, 1, 2, 3)] == [True, True, True, False]
    assert "change 53<" in client.get("/history").text
