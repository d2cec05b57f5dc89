"""Deleting many runs: what is previewed, shown and deleted is one and the same."""

from __future__ import annotations

import html
import io
import re
import zipfile

import pytest
from flask.testing import FlaskClient

from dashboard.store import HistoryFilter
from dashboard.store import RunFilter
from dashboard.store import Selection
from dashboard.store import SelectionChanged
from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import many_runs
from tests.web.given import text
from tests.web.given import tidied_run


def test_what_was_previewed_is_what_is_deleted(store: Store) -> None:
    first, second = tidied_run(store), tidied_run(store)
    child = tidied_run(store, parent=first)
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    chosen = Selection(ids=(first, second, live))
    preview = store.preview_deletion(chosen)
    assert (preview.runs, preview.steps, preview.live, preview.branches) == (2, 4, (live,), (child,))
    assert preview.bytes > 100
    assert preview.noted == ()
    note = store.add_note(first, 1, "look here")
    assert store.preview_deletion(chosen).noted == (first,)
    store.delete_note(first, note)
    assert store.preview_deletion(chosen) == preview
    assert store.delete_runs(chosen, preview.mark, "ann") == 2
    assert store.run(first) is None
    assert store.run(live) is not None
    orphan = store.run(child)
    assert orphan is not None
    assert orphan.parent is None
    [deed] = store.history(HistoryFilter(action="delete"))[0]
    assert (deed.actor, deed.object) == ("ann", "runs")
    assert f"{first}–{second}" in deed.text


def test_nothing_goes_that_was_not_weighed(store: Store) -> None:
    tidied_run(store)
    chosen = Selection(filter=RunFilter(incident="shared_session"))
    preview = store.preview_deletion(chosen)
    later = tidied_run(store)
    with pytest.raises(SelectionChanged) as change:
        store.delete_runs(chosen, preview.mark, "")
    assert change.value.going.runs == 2
    assert store.run(later) is not None


def test_deleting_asks_first_and_says_exactly_what_goes(client: FlaskClient, store: Store) -> None:
    first, second, third = tidied_run(store), tidied_run(store), tidied_run(store)
    child = tidied_run(store, parent=first)
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    asked = client.get(f"/runs/selected?action=delete&run={first}&run={second}&run={live}")
    said = text(asked)
    assert "Delete 2 runs?" in said
    export = html.unescape(re.findall(r'href="([^"]*action=download[^"]*)"', asked.text)[0])
    with zipfile.ZipFile(io.BytesIO(client.get(export).data)) as archive:
        assert len(archive.namelist()) == 3
    assert "2 runs with 4 steps" in said
    assert (
        f"1 run that stays loses its parent : {child}" in said or f"1 run that stays loses its parent: {child}" in said
    )
    assert f"is not cleared yet: {live}" in said
    assert store.run(first) is not None
    form = dict(re.findall(r'name="(mark)" value="([^"]*)"', asked.text))
    answer = client.post("/runs/delete", data={**form, "run": [first, second, live]}, headers=FORM)
    assert (answer.status_code, answer.location) == (303, "/runs")
    assert [store.run(one) is None for one in (first, second, third, live)] == [True, True, False, False]
    assert client.get("/runs/delete").status_code in (404, 405)


def test_all_that_match_are_deleted_only_as_they_were_shown(client: FlaskClient, store: Store) -> None:
    many_runs(store, 213)
    asked = client.get("/runs/selected?action=delete&all=1&incident=lost_update&run=1")
    assert "Delete 71 runs?" in asked.text
    form = {"all": "1", "incident": "lost_update", "mark": re.findall(r'name="mark" value="([^"]*)"', asked.text)[0]}
    with store.transaction() as tx:
        tx.exec_driver_sql(
            "insert into run (incident, program, stack, mode, schedule, title, actor, status, steps, litter)"
            " values ('lost_update', 'broken', '', 'replay', '', '', '', 'ended', 0, false)"
        )
    again = client.post("/runs/delete", data=form, headers=FORM)
    assert again.status_code == 409
    assert "Nothing was deleted: meanwhile other runs are chosen" in again.text
    assert "Delete 72 runs?" in again.text
    form["mark"] = re.findall(r'name="mark" value="([^"]*)"', again.text)[0]
    answer = client.post("/runs/delete", data=form, headers=FORM)
    assert answer.location == "/runs?incident=lost_update"
    assert store.listed(RunFilter(), limit=1).total == 142
