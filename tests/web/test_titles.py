"""What people call a run, and what of a page its address holds."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from dashboard.gallery import crowd
from dashboard.presenters.matrix import matrix
from dashboard.presenters.words import Names
from dashboard.store import HistoryFilter
from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import attribute
from tests.web.given import ended_run
from tests.web.given import recorded
from tests.web.given import text

TITLE = "Checkout fails on Friday <evening>"


def test_a_title_stands_wherever_the_run_is_shown_or_taken_away(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    form = client.get(f"/runs/{run_id}/title?step=1&view=timeline&task=t2", headers=HX)
    where = re.search(r'hx-post="([^"]+)"', form.text)
    assert where
    action = where.group(1).replace("&amp;", "&")
    answer = client.post(action, data={"step": "1", "title": f"  {TITLE}\n"}, headers=HX)
    assert answer.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=1&view=timeline&task=t2"
    assert f"“{TITLE}”" in text(answer)
    page = client.get(f"/runs/{run_id}")
    assert f"<title>run {run_id} · Checkout fails on Friday &lt;evening&gt; · broken" in page.text
    assert TITLE in text(client.get("/runs"))
    assert TITLE in text(client.get("/"))
    assert TITLE in text(client.get("/runs?search=checkout"))
    assert TITLE not in text(client.get("/runs?search=something+else"))
    assert f"run {run_id} “{TITLE}”" in text(client.get(f"/runs/{run_id}/offline.html"))
    assert "Checkout fails on Friday" in client.get(f"/runs/{run_id}/summary.md").text
    assert f"Interlock run {run_id} “{TITLE}”:" in (attribute(page, "copy-chat", "data-copy") or "").replace(
        "&lt;", "<"
    ).replace("&gt;", ">")
    assert "Checkout fails on Friday &lt;evening&gt;" in client.get(f"/runs/{run_id}/timeline.svg").text
    assert client.get(f"/runs/{run_id}/statements.sql").text.startswith(f"-- Interlock run {run_id}")
    assert TITLE in client.get(f"/runs/{run_id}/statements.sql").text


def test_who_gave_a_title_stands_in_the_history_with_the_one_before(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    client.post(f"/runs/{run_id}/company/name", data={"name": "Ann"}, headers=FORM)
    rev = store.rev(run_id)
    answer = client.post(f"/runs/{run_id}/title", data={"title": "first", "step": "2"}, headers=FORM)
    assert answer.headers["Location"] == f"/runs/{run_id}?step=2"
    assert store.rev(run_id) > rev  # whoever watches hears of it
    client.post(f"/runs/{run_id}/title", data={"title": "second"}, headers=FORM)
    client.post(f"/runs/{run_id}/title", data={"title": "second"}, headers=FORM)
    client.post(f"/runs/{run_id}/title", data={"title": " "}, headers=FORM)
    deeds, _, _ = store.history(HistoryFilter(action="rename", object=f"run:{run_id}"))
    assert [(one.actor, one.text) for one in deeds] == [
        ("Ann", "none; before: “second”"),
        ("Ann", "“second”; before: “first”"),
        ("Ann", "“first”; before: none"),
    ]
    assert f"gave a title to run {run_id}" in text(client.get(f"/history?object=run:{run_id}"))


def test_a_title_has_bounds_and_needs_a_run(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    assert client.post(f"/runs/{run_id}/title", data={"title": "x" * 121}, headers=FORM).status_code == 400
    assert client.post("/runs/77/title", data={"title": "x"}, headers=FORM).status_code == 404
    assert client.get("/runs/77/title").status_code == 404
    assert "<html" in client.get(f"/runs/{run_id}/title").text  # without scripts it is a page


def test_the_address_keeps_a_task_and_a_connection_in_sight(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=1&view=timeline&task=t3&conn=c2")
    keep = "&view=timeline&task=t3&conn=c2"
    assert re.search(r'id="row-t3" class="[^"]*kept"', page.text)
    assert re.search(r'id="col-c2" class="[^"]*kept"', page.text)
    assert re.search(r'id="act-[^"]*" class="[^"]*kept"', page.text)
    assert page.text.count('<rect class="kept"') == 2
    # Wherever one goes from here it comes along, and a second click lets it go.
    for link in ("back", "mark-0", "copy-link"):
        assert (attribute(page, link, "data-copy" if link == "copy-link" else "href") or "").endswith(keep), link
    assert attribute(page, "eye-t3", "href") == f"/runs/{run_id}?step=1&view=timeline&conn=c2"
    assert attribute(page, "eye-t2", "href") == f"/runs/{run_id}?step=1&view=timeline&task=t2&conn=c2"
    assert attribute(page, "lane-c2", "href") == f"/runs/{run_id}?step=1&view=timeline&task=t3"
    moved = client.get(f"/runs/{run_id}/live?step=2{keep}", headers=HX)
    assert moved.headers["HX-Push-Url"] == f"/runs/{run_id}?step=2{keep}"
    # What is not there yet is no mistake; what can be no label is.
    assert client.get(f"/runs/{run_id}?step=0&task=t9&conn=c9").status_code == 200
    assert client.get(f"/runs/{run_id}?step=0&task=<script>").status_code == 400


@pytest.mark.parametrize("query", ["", "?step=1&view=timeline&task=t2&conn=c1&present=1"])
def test_opening_an_address_changes_nothing(client: FlaskClient, store: Store, query: str) -> None:
    run_id = ended_run(store)
    before = (store.run(run_id), store.history(HistoryFilter())[1])
    client.get(f"/runs/{run_id}{query}")
    client.get(f"/runs/{run_id}/live{query}", headers=HX)
    assert (store.run(run_id), store.history(HistoryFilter())[1]) == before


def test_of_a_crowd_what_is_in_sight_is_always_shown() -> None:
    frame = crowd.step(500).frame
    quiet = {one.id for one in matrix(frame, None, Names.of(frame)).rows}
    assert "t299" not in quiet
    shown = matrix(frame, None, Names.of(frame), kept=frozenset({"t299", "c59"}))
    assert [row.id for row in shown.rows if row.kept] == ["t299"]
    assert [column.id for column in shown.columns if column.kept] == ["c59"]
