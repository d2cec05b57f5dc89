"""A journal from elsewhere, handed in through the page."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.config import resource
from dashboard.gallery import sample
from dashboard.store import Store
from dashboard.views import imports
from interlock.journal import dump
from tests.web.given import FORM
from tests.web.given import ended_run
from tests.web.given import text


def hand_in(client: FlaskClient, content: bytes, name: str = "run.jsonl") -> TestResponse:
    return client.post("/runs/import", data={"journal": (io.BytesIO(content), name)}, headers=FORM)


def test_what_one_dashboard_exports_another_shows(client: FlaskClient, store: Store) -> None:
    there = ended_run(store)
    content = client.get(f"/runs/{there}/journal.jsonl").data
    answer = hand_in(client, content, "<i>.jsonl")
    assert answer.status_code == 303
    run = store.run(int(answer.headers["Location"].rsplit("/", 1)[-1]))
    assert run
    assert (run.status, run.outcome, run.steps, run.failed_at) == ("ended", "error", 2, 2)
    assert (run.stack, run.title) == ("sqlalchemy-1.4.42", "imported from <i>.jsonl")
    assert client.get(f"/runs/{run.id}/journal.jsonl").data == content
    page = client.get(f"/runs/{run.id}?step=2")
    assert "imported from <i>.jsonl" in text(page)
    assert "“second” raised InvalidRequestError" in text(page)
    assert "can only be looked at" in text(page)  # its files are not those of any program here
    assert 'id="copy-command"' not in page.text
    assert "branch:" not in text(client.get(f"/runs/{run.id}?step=1"))


def test_a_program_that_is_here_can_be_gone_on_with(client: FlaskClient, store: Store) -> None:
    source = (resource("scenarios") / "shared_session" / "broken.py").read_text()
    header = replace(sample.HEADER, program="broken.py", sources={"broken.py": source})
    lines = "\n".join(dump(message) for message in (header, *sample.STEPS[:2]))
    run_id = int(hand_in(client, lines.encode()).headers["Location"].rsplit("/", 1)[-1])
    run = store.run(run_id)
    assert run
    assert (run.incident, run.program, run.outcome) == ("shared_session", "broken", "interrupted")
    assert run.started is None  # how long it took was seen elsewhere
    assert "The journal ends here" in (run.summary or "")
    assert "branch:" in text(client.get(f"/runs/{run_id}?step=1"))


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", b'{"header":{}}', b"{}\n" * 9])
def test_what_is_no_journal_is_refused(client: FlaskClient, store: Store, content: bytes) -> None:
    answer = hand_in(client, content)
    assert answer.status_code == 400
    assert "not a journal that can be shown" in text(answer)
    assert store.runs().total == 0


def test_a_request_without_a_file_or_with_too_much_is_refused(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no file" in text(client.post("/runs/import", data={}, headers=FORM))
    assert client.post("/runs/import", data={"journal": "x"}).status_code == 403  # from another site
    monkeypatch.setattr(imports, "LARGEST", 1000)
    answer = hand_in(client, b"x" * 2000)
    assert answer.status_code == 413
    assert "larger than" in text(answer)


def test_the_page_says_what_it_takes(client: FlaskClient) -> None:
    assert 'href="/runs/import"' in client.get("/runs").text
    assert "up to 64 MB" in text(client.get("/runs/import"))
