"""Why a run failed, on its page: read from the steps in the store, each clause a link to its step."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from dashboard.app import create_app
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.findings.why import of_journal
from dashboard.gallery import sample
from dashboard.runs import proofs
from dashboard.runs import recorded
from dashboard.runs.proofs import Proofs
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import migrate
from interlock import journal
from interlock.frame import End
from interlock.frame import Header
from tests.databases import fresh_database
from tests.web.given import HX
from tests.web.given import attribute
from tests.web.given import text

JOURNAL = Path(__file__).parents[1] / "unit" / "journals" / "1.4.42-broken.jsonl.gz"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with fresh_database(store_url) as url:
        migrate(url)
        store = Store(url)
        yield store
        store.close()


def recorded_run(store: Store) -> RunRecord:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "replay")
    assert store.claim(run_id, 1)
    for message in map(journal.load, gzip.decompress(JOURNAL.read_bytes()).decode().splitlines()):
        if isinstance(message, Header):
            store.set_header(run_id, message)
        elif isinstance(message, End):
            store.finish(run_id, message, True)
        else:
            store.add_step(run_id, message)
    run = store.run(run_id)
    assert run is not None
    return run


def test_each_clause_leads_to_its_step_and_names_its_line(store: Store, tmp_path: Path) -> None:
    run = recorded_run(store)
    client = create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
    (listed,) = re.findall(r'<ol class="proof".*?</ol>', client.get(f"/runs/{run.id}?step=26").text, re.DOTALL)
    assert re.findall(r'href="/runs/\d+\?step=(\d+)"', listed) == ["0", "0", "0", "24", "26", "28"]
    assert re.findall(r'step=(\d+)"[^>]* aria-current="step"', listed) == ["26"]
    assert "session.py:52" in listed


def test_a_failure_is_led_by_what_happened_and_its_lines_are_marked(store: Store, tmp_path: Path) -> None:
    run = recorded_run(store)
    client = create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
    said = (
        "“first” committed the shared session s1 while “second” and “third” were about to use it, so “second” failed."
    )
    page = client.get(f"/runs/{run.id}?step=28").text
    caption = page[page.index('id="caption"') :]
    assert 0 < caption.index(said) < caption.index("twophase")
    assert f'data-say="step 28 of 28: {said}"' in page
    assert said not in page[page.index('id="outcome-body"') :]  # it is in sight already
    earlier = client.get(f"/runs/{run.id}?step=20").text
    assert said not in earlier[: earlier.index('id="choices-body"')]
    assert said in earlier[earlier.index('id="outcome-body"') :]
    for name, line, step in (("broken.py", 16, 28), ("session.py", 52, 26)):
        (mark,) = re.findall(rf'<a class="cite"[^>]*id="cite-{name}-{line}"[^>]*>', page)
        assert f"step={step}" in mark
    assert "why, step 24: “first” called commit() of s1; step 26:" in page
    assert said in client.get(f"/runs/{run.id}/summary.md").text.replace("\\", "")


def test_the_page_proves_what_the_journal_proves_of_a_replica_that_was_behind(store: Store) -> None:
    file = JOURNAL.with_name("1.4.42-stale_read.jsonl.gz")
    recording = recorded.read(gzip.decompress(file.read_bytes()).decode().splitlines())
    run_id = store.create_run("stale_read", "broken", "sqlalchemy-1.4.42", "replay")
    assert store.claim(run_id, 1)
    store.set_header(run_id, recording.header)
    for step in recording.steps:
        store.add_step(run_id, step)
    assert recording.end is not None
    store.finish(run_id, recording.end, True)
    run = store.run(run_id)
    assert run is not None
    proof = Proofs().of(store, run)
    assert proof == of_journal([recording.header, *recording.steps, recording.end])
    assert proof is not None
    assert "stale" in [one.claim for one in proof]


def test_what_cannot_be_derived_is_said(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = recorded_run(store)
    client = create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
    monkeypatch.setattr(proofs, "why", lambda *_: ())
    assert "No proof could be derived" in client.get(f"/runs/{run.id}").text


def test_a_proof_is_read_once_and_not_for_a_run_that_goes_on(store: Store) -> None:
    run, kept = recorded_run(store), Proofs()
    assert kept.of(store, run) is kept.of(store, run)
    assert kept.of(store, replace(run, end=None)) is None


def test_what_takes_long_is_worked_out_beside_the_page(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, begun, may_go_on, elsewhere = recorded_run(store), Event(), Event(), proofs.elsewhere

    def slowly(*known: Any) -> Any:
        begun.set()
        assert may_go_on.wait(10)
        return elsewhere(*known)

    monkeypatch.setattr(proofs, "AT_SIGHT", 0)
    monkeypatch.setattr(proofs, "elsewhere", slowly)
    client = create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
    page = client.get(f"/runs/{run.id}?step=3")
    assert begun.wait(10)
    assert "is being worked out" in page.text
    assert "is being worked out" in client.get(f"/runs/{run.id}/live?step=3").text
    again = attribute(page, "room", "hx-get")
    assert again
    assert client.get(again, headers=HX).status_code == 204
    may_go_on.set()
    assert "step 26" in client.get(f"/runs/{run.id}/summary.md").text  # what is taken away waits for it
    known = client.get(again, headers=HX)
    assert 'class="proof"' in known.text
    assert attribute(known, "room", "hx-get") is None


def test_another_process_proves_the_same_and_a_short_run_does_not_wait_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, begun, may_go_on, elsewhere, kept = recorded_run(store), Event(), Event(), proofs.elsewhere, Proofs()
    other = recorded_run(store)

    def slowly(*known: Any) -> Any:
        begun.set()
        assert may_go_on.wait(30)
        return elsewhere(*known)

    with monkeypatch.context() as patched:
        patched.setattr(proofs, "AT_SIGHT", 0)
        patched.setattr(proofs, "elsewhere", slowly)
        assert kept.of(store, run) is None
        assert begun.wait(10)
    short = kept.of(store, other)  # while the long one is being read
    may_go_on.set()
    monkeypatch.setattr(proofs, "AT_SIGHT", 0)
    assert kept.of(store, run, wait=True) == short == Proofs().of(store, run, wait=True)
    assert short


@pytest.mark.parametrize(("python", "why"), [("/bin/false", "ended with status 1"), ("/none", "No such file")])
def test_a_process_that_cannot_read_is_an_error_with_its_reason(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, why: str
) -> None:
    run = recorded_run(store)
    monkeypatch.setattr(proofs, "AT_SIGHT", 0)
    monkeypatch.setattr("sys.executable", python)
    client = create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
    answer = client.get(f"/runs/{run.id}/summary.md")
    assert answer.status_code == 503
    assert f"Why run {run.id} ended so could not be worked out." in answer.text
    assert why in answer.text
    assert "is being worked out" in client.get(f"/runs/{run.id}").text  # the page stands without it


def test_a_probe_is_said_to_be_one(store: Store, tmp_path: Path) -> None:
    client = create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store).test_client()
    well = replace(sample.END, outcome="ok", tasks=(), failed_at=None)
    for program, end in (("connections", sample.END), ("connections", well), ("broken", sample.END), ("broken", well)):
        run_id = store.create_run("shared_session", program, "sqlalchemy-2.1", "replay")
        assert store.claim(run_id, 1)
        store.set_header(run_id, sample.HEADER)
        for step in sample.STEPS:
            store.add_step(run_id, step)
        store.finish(run_id, end, True)
        said = "This program is a probe: Which connection does each task get?" in text(client.get(f"/runs/{run_id}"))
        assert said is (program == "connections")
