"""What is done with runs that are ticked: exported, compared, had again, pinned."""

from __future__ import annotations

import html
import io
import re
import zipfile

from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import RunFilter
from dashboard.store import Store
from interlock import journal
from tests.web.given import FORM
from tests.web.given import many_runs
from tests.web.given import text
from tests.web.given import tidied_run


def test_an_export_holds_each_journal_as_its_run_page_gives_it(client: FlaskClient, store: Store) -> None:
    ids = [tidied_run(store) for _ in range(3)]
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    chosen = "&".join(f"run={one}" for one in (*ids[:2], live))
    asked = client.get(f"/runs/selected?action=export&{chosen}&outcome=error")
    said = text(asked)
    assert "Export 3 runs?" in said
    assert "4 steps" in said
    assert f"1 of them is still going on, and its journal ends where it is now: {live}" in said
    assert 'href="/runs?outcome=error"' in asked.text  # back
    download = html.unescape(re.findall(r'href="([^"]*)" download', asked.text)[0])
    with zipfile.ZipFile(io.BytesIO(client.get(download).data)) as archive:
        assert len(archive.namelist()) == 3
    answer = client.get("/runs/selected?action=download&" + "&".join(f"run={one}" for one in ids[:2]))
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"interlock-run-{one}.jsonl" for one in ids[:2]]
        for one in ids[:2]:
            written = archive.read(f"interlock-run-{one}.jsonl")
            assert written == client.get(f"/runs/{one}/journal.jsonl").data
            assert journal.load(written.decode().splitlines()[0]) == sample.HEADER


def test_an_export_has_a_bound(client: FlaskClient, store: Store) -> None:
    many_runs(store, 501)
    asked = client.get("/runs/selected?action=export&all=1")
    assert "Export 501 runs?" in asked.text
    assert "Up to 500 runs go into one archive" in asked.text
    assert "download" not in asked.text
    answer = client.get("/runs/selected?action=download&all=1")
    assert answer.status_code == 400
    assert "Up to 500 runs go into one archive" in answer.text


def test_two_are_compared_the_older_first(client: FlaskClient, store: Store) -> None:
    first, second, third = tidied_run(store), tidied_run(store), tidied_run(store)
    assert (
        client.get(f"/runs/selected?action=compare&run={second}&run={first}").location
        == f"/compare?a={first}&b={second}"
    )
    for ids in ([first], [first, second, third]):
        answer = client.get("/runs/selected?action=compare&" + "&".join(f"run={one}" for one in ids))
        assert answer.status_code == 400
        assert "choose exactly two" in answer.text
    assert "No run is chosen" in client.get("/runs/selected?action=delete").text


def test_runs_are_had_again_under_the_schedule_that_was_carried_out(client: FlaskClient, store: Store) -> None:
    first, second = tidied_run(store, "session_per_task"), tidied_run(store)
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set stack = 'sqlalchemy-2.1'")
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    refused = client.post("/runs/again", data={"run": [first, live]}, headers=FORM)
    assert refused.status_code == 409
    assert f"Run {live} cannot be had again" in refused.text
    assert store.listed(RunFilter(), limit=1).total == 3  # none of them began
    answer = client.post("/runs/again", data={"run": [first, second]}, headers=FORM)
    assert (answer.status_code, answer.location) == (303, "/runs")
    made = store.listed(RunFilter(mode="replay"), limit=5).rows
    assert [(one.program, one.schedule, one.status) for one in made] == [
        ("broken", sample.END.schedule, "queued"),
        ("session_per_task", sample.END.schedule, "queued"),
    ]
    one = client.post("/runs/again", data={"run": [first]}, headers=FORM)
    assert one.location == f"/runs/{made[0].id + 1}"
    assert f"started run {made[0].id}" in text(client.get("/history"))


def test_a_run_of_what_is_not_here_is_not_had_again(client: FlaskClient, store: Store) -> None:
    run_id = tidied_run(store)  # on a stack that is not installed
    answer = client.post("/runs/again", data={"run": run_id}, headers=FORM)
    assert answer.status_code == 409
    assert "The stack sqlalchemy-1.4.42 is not installed" in answer.text
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set incident = 'elsewhere'")
    answer = client.post("/runs/again", data={"run": run_id}, headers=FORM)
    assert "Its program or its stack is not known to this dashboard" in answer.text


def test_pinned_runs_are_marked_and_pinning_leads_back_to_the_list(client: FlaskClient, store: Store) -> None:
    run_id = tidied_run(store)
    answer = client.post("/runs/pin", data={"action": "pin", "run": run_id, "outcome": "error"}, headers=FORM)
    assert answer.location == "/runs?outcome=error"
    assert "Retention does not delete it" in client.get("/runs").text
    client.post("/runs/pin", data={"action": "unpin", "run": run_id}, headers=FORM)
    assert "Retention does not delete it" not in client.get("/runs").text
