"""The list of runs: pages, filters, sort."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import RunFilter
from dashboard.store import Selection
from dashboard.store import Store
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Step
from tests.web.given import many_runs
from tests.web.given import text
from tests.web.given import tidied_run


def test_facets_count_what_each_choice_would_show(store: Store) -> None:
    many_runs(store, 213)
    listed = store.listed(RunFilter(incident="lost_update"), limit=50)
    assert listed.total == 71
    assert listed.facets["incident"] == {"lost_update": 71, "shared_session": 142}
    assert sum(listed.facets["stack"].values()) == 71
    assert listed.facets["outcome"] == {"ok": 71}


def test_an_error_that_a_fix_should_end_with_is_as_declared(client: FlaskClient, store: Store) -> None:
    """Of a broken program the same is called reproduced."""
    runs = [store.create_run("siblings_outlive", one, "sqlalchemy-2.1", "step") for one in ("session_inside", "broken")]
    for run_id in runs:
        store.set_header(run_id, sample.HEADER)
        store.add_step(run_id, sample.STEPS[0], status="waiting")
        store.finish(run_id, sample.END, True)
    for where in ("/runs", "/", f"/compare?a={runs[0]}&b={runs[1]}"):
        page = text(client.get(where))
        assert 0 < page.count("✓ as declared") == page.count("✓ reproduced"), where


def test_a_list_pages_through_all_there_are_and_says_how_many(client: FlaskClient, store: Store) -> None:
    many_runs(store, 213)
    seen: list[str] = []
    where: str | None = "/runs"
    said = []
    while where:
        page = client.get(where)
        said.append(re.search(r"Showing [^.]*", text(page)).group())  # type: ignore[union-attr]
        seen += re.findall(r'<a href="/runs/(\d+)">', page.text)
        following = re.findall(r'href="([^"]*)" rel="next"', page.text)
        where = html.unescape(following[0]) if following else None
    assert said[0] == "Showing 50 of 213 runs, newest first (1 to 50)"
    assert said[-1] == "Showing 13 of 213 runs, newest first (201 to 213)"
    assert len(said) == 5
    assert len(set(seen)) == len(seen) == 213
    assert "Showing 13 of 213" in client.get("/runs?page=99").text  # some were deleted since the link was made


def test_a_run_that_comes_in_pushes_no_other_onto_two_pages(client: FlaskClient, store: Store) -> None:
    many_runs(store, 120)
    seen: list[str] = []
    where: str | None = "/runs?stack=sqlalchemy-2.1"
    while where:
        page = client.get(where)
        seen += re.findall(r'<a href="/runs/(\d+)">', page.text)
        following = re.findall(r'href="([^"]*)" rel="next"', page.text)
        where = html.unescape(following[0]) if following else None
        came = [store.create_run("shared_session", "broken", stack, "step") for stack in ("sqlalchemy-2.1", "other")]
    assert len(seen) == len(set(seen)) == 60
    assert "1 newer run is not among these" in text(page)
    again = client.get(html.unescape(re.findall(r'href="([^"]*)">begin again', page.text)[0]))
    assert f'href="/runs/{came[0]}"' in again.text
    assert "newer run" not in again.text
    # What is done to all that match is done to those that were shown.
    all_of_them = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    asked = client.get("/runs/selected", query_string={**all_of_them, "all": "1", "action": "delete"})
    assert "Delete 60 runs?" in asked.text


def test_a_list_is_filtered_by_how_long_runs_took_by_their_age_and_by_what_keeps_them(
    client: FlaskClient, store: Store
) -> None:
    many_runs(store, 33)  # each took up to ten whole seconds
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set created = now() - interval '2 days' where seed > 30")
    pinned, noted = store.selected(Selection(filter=RunFilter()), 2)
    store.pin([pinned], "ann", on=True)
    store.add_note(noted, 0, "look")
    facets = store.listed(RunFilter(), limit=1).facets
    assert facets["took"] == {"0.2s": 3, "1s": 3, "10s": 27}
    assert facets["started"] == {"hour": 30, "week": 3}
    assert facets["kept"] == {"pinned": 1, "noted": 1}
    page = client.get("/runs?took=1s&started=hour")
    assert "Showing 3 of 3 runs that match" in page.text
    assert '<option value="1s" selected>0.2 to 1 s (3)</option>' in page.text
    assert '<option value="week">1 to 7 days ago' not in page.text  # none of those
    assert f'href="/runs/{noted}"' in client.get("/runs?kept=noted").text
    assert "Showing 1 of 1 run that match" in client.get("/runs?kept=pinned").text
    assert "No run matches." in client.get("/runs?took=banana").text


def test_a_run_is_found_by_the_isolation_that_it_asked_for(client: FlaskClient, store: Store) -> None:
    def says(number: int, text: str) -> Step:
        return Step(number, Frame(0.0), events=(Event("sent", text, connection="c1"),))

    asked = {}
    for name, texts in {
        "plain": [
            "BEGIN on c1: BEGIN ISOLATION LEVEL READ COMMITTED",
            "INSERT on c1: insert ISOLATION LEVEL SERIALIZABLE",
        ],
        "both": [
            "SET on c1: SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "BEGIN on c1: begin isolation level repeatable read",
        ],
        "snapshot": ["BEGIN on c1: BEGIN", "BEGIN on c2: BEGIN ISOLATION LEVEL REPEATABLE READ"],
    }.items():
        asked[name] = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "replay")
        for number, said in enumerate(texts):
            store.add_step(asked[name], says(number, said))
    assert store.listed(RunFilter(), limit=1).facets["isolation"] == {"serializable": 1, "repeatable read": 1}
    page = client.get("/runs?isolation=serializable")
    assert re.findall(r'<th scope="row" class="num"><a href="/runs/(\d+)">', page.text) == [str(asked["both"])]
    assert "sqlalchemy-2.1 serializable" in text(page)


def test_a_list_is_sorted_by_the_heads_of_its_columns(client: FlaskClient, store: Store) -> None:
    many_runs(store, 60)

    def column(sort: str, place: int) -> list[str]:
        rows = re.findall(r"<tr>\s*<td.*?</tr>", client.get(f"/runs?sort={sort}").text, re.DOTALL)
        return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)[place] for row in rows]

    assert column("steps", 5) == sorted(column("steps", 5), key=int)
    assert column("-steps", 5) == sorted(column("-steps", 5), key=int, reverse=True)
    assert column("-took", 8)[:6] == ["10 s"] * 5 + ["9.0 s"]
    assert column("stack", 3) == ["sqlalchemy-1.4.42"] * 30 + ["sqlalchemy-2.1"] * 20
    page = client.get("/runs?sort=steps&outcome=ok")
    assert 'aria-sort="ascending"' in page.text
    assert 'href="/runs?outcome=ok&amp;sort=-steps"' in page.text
    assert client.get("/runs?sort=password").status_code == 400


def test_filters_live_in_the_address_and_say_what_they_would_show(client: FlaskClient, store: Store) -> None:
    mine = tidied_run(store)
    store.create_run("shared_session", "sequential", "sqlalchemy-2.1", "natural")
    page = client.get("/runs?program=broken&outcome=error&search=twophase")
    assert "Showing 1 of 1 run that match" in page.text
    assert f'href="/runs/{mine}"' in page.text
    assert '<option value="error" selected>error (1)</option>' in page.text
    assert "No run matches." in client.get("/runs?search=100%25+sure").text
    assert client.get("/runs?page=x").status_code == 400


def test_an_empty_list_says_what_to_do_next(client: FlaskClient) -> None:
    assert "No run yet. Choose an incident and press Run scenario" in text(client.get("/runs"))
