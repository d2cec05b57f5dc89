"""The comparison of patterns over the store: before its runs, while they are made, with some, with all."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.catalogue import incidents
from dashboard.catalogue import patterns
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.gallery import sample
from dashboard.store import RunFilter
from dashboard.store import RunRow
from dashboard.store import Store
from interlock.frame import ConnectionView
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import InvariantOutcome
from interlock.frame import Step
from interlock.frame import TaskView

FORM = {"Sec-Fetch-Site": "same-origin"}
HX = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
WHOLE, SAME = "an order is there whole or not at all", "all parts of an order have the same price"


def text(answer: TestResponse) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def row(answer: TestResponse, program: str) -> str:
    found = re.search(rf'<tr id="pattern-{program}">(.*?)</tr>', answer.text, re.DOTALL)
    assert found, f"no row of {program}"
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found.group(1))).split())


def queued(store: Store) -> list[RunRow]:
    return list(reversed(store.runs(RunFilter(status="queued"), limit=100).rows))


def end(
    store: Store, run: RunRow, outcome: str = "ok", *, said: str = "", whole: bool = True, same: bool = True
) -> None:
    """Have a run ended, with a picture in which three statements are under way, one of them of somebody else."""
    tasks = (TaskView("t1", "order", "waiting"), TaskView("t2", "price", "waiting"))
    connections = tuple(
        ConnectionView(f"c{n}", "held", "open", sent_by=task, checked_out=True, owner=task)
        for n, task in enumerate(("t1", "t1", "t2"), 1)
    )
    events = tuple(Event("stdout", line) for line in said.splitlines())
    assert store.claim(run.id, 4711)
    store.set_header(run.id, sample.HEADER)
    store.add_step(run.id, Step(0, Frame(0.0, tasks, connections=connections), events=events), status="running")
    rules = (InvariantOutcome(WHOLE, whole), InvariantOutcome(SAME, same))
    store.finish(run.id, replace(sample.END, outcome=outcome, invariants=rules, steps=0), True)


def test_before_anything_was_run_every_cell_says_so_and_one_button_changes_it(
    client: FlaskClient, store: Store
) -> None:
    page = client.get("/patterns")
    assert page.status_code == 200
    assert "0 of" in text(page)
    assert row(page, "two_phase").count("no run yet") == 9
    assert page.text.count('action="/patterns/runs"') == 1
    assert "data-poll" not in page.text
    assert "Writes that belong together: one connection" in text(page)  # the advice needs no run

    assert client.post("/patterns/runs", headers=FORM).status_code == 303
    runs = queued(store)
    found, _ = patterns.find(incidents.load([resource("scenarios")]))
    assert found is not None
    assert [(run.program, run.mode, run.schedule) for run in runs] == [
        (one.program, one.mode, one.schedule) for one in found.experiments
    ]
    assert (runs[-1].program, runs[-1].mode) == ("timing", "natural")


def test_while_they_are_made_it_asks_for_news_and_cannot_be_asked_twice(client: FlaskClient, store: Store) -> None:
    fragment = client.post("/patterns/runs", headers=HX)
    assert "data-poll" in fragment.text
    assert "<html" not in fragment.text
    url = re.search(r'hx-get="(/patterns/live\?rev=[^"]+)"', fragment.text)
    assert url
    assert client.get(url[1], headers=HX).status_code == 204
    before = len(queued(store))
    client.post("/patterns/runs", headers=FORM)
    assert len(queued(store)) == before

    end(store, next(run for run in queued(store) if run.program == "broken"), "error")
    news = client.get(url[1], headers=HX)
    assert news.status_code == 200
    assert f"1 of {before} runs are done" in text(news)
    assert "refused InvalidRequestError: This session is provisioning a new connection" in row(news, "broken")
    assert "queued" in row(news, "two_phase")


def test_cells_fill_with_what_the_runs_say_and_lead_to_them(client: FlaskClient, store: Store) -> None:
    run = store.create_run("parallel_transaction", "two_phase", "sqlalchemy-2.1", "replay", "il1:")
    end(store, one(store, run))
    page = client.get("/patterns")
    assert f'href="/runs/{run}"' in page.text
    # Of three connections one belongs to the task that is somebody else's.
    assert "yes 2 at once" in row(page, "two_phase")
    assert "1 of" in text(page)
    assert "data-poll" not in page.text

    died = store.create_run("parallel_transaction", "two_phase", "sqlalchemy-2.1", "replay", "il1:52=e")
    end(store, one(store, died), "crash", whole=False)
    again = store.create_run("parallel_transaction", "two_phase", "sqlalchemy-2.1", "replay", "il1:52=d:c2")
    end(store, one(store, again), "error")
    assert f"✕ no , run {died} ✓ yes once recovered , run {again}" in row(client.get("/patterns"), "two_phase")

    left = store.create_run("parallel_transaction", "two_phase", "sqlalchemy-2.1", "replay", "il1:52=e")
    end(store, one(store, left), "diverged")
    assert f"≠ diverged , run {left}" in row(client.get("/patterns"), "two_phase")  # no verdict from such a run


def test_when_all_were_run_times_are_told_against_the_sequential_ones(client: FlaskClient, store: Store) -> None:
    client.post("/patterns/runs", headers=FORM)
    measured = "\n".join(
        f"{way}: {ms} ms with queries of 20 ms, median of 11"
        for way, ms in (("one_connection", 60.0), ("two_phase", 30.0))
    )
    for run in queued(store):
        end(store, run, said=measured if run.mode == "natural" else "")
    page = client.get("/patterns")
    assert "experiments have been run" in text(page)
    assert "Run the experiments again" in text(page)
    assert "data-poll" not in page.text
    assert "30.0 ms · 0.50×" in row(page, "two_phase")
    assert "60.0 ms ," in row(page, "one_connection")  # the baseline is compared with nothing
    assert "median of 11 orders" in text(page)
    assert "no run yet" not in text(page)


def one(store: Store, run_id: int) -> RunRow:
    found = store.run(run_id)
    assert found is not None
    return found


def test_without_patterns_the_page_says_what_it_would_need(store: Store, tmp_path: Path) -> None:
    client = create_app(Settings(tmp_path, scenario_dirs=(tmp_path,)), store).test_client()
    page = client.get("/patterns")
    assert page.status_code == 404
    assert "No incident here has a file patterns.toml." in text(page)
