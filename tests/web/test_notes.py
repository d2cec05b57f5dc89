"""Notes at steps: written, changed, deleted, had back, listed, taken away."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import Store
from interlock import journal
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import WORKER
from tests.web.given import attribute
from tests.web.given import recorded
from tests.web.given import text
from tests.web.given import waiting_run


def test_a_note_stands_at_its_step_in_the_list_and_on_slider_and_timeline(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    client.get(f"/runs/{run_id}")
    client.post(f"/runs/{run_id}/company/name", data={"name": "Ann"}, headers=FORM)
    form = client.get(f"/runs/{run_id}/notes/form?step=1&view=timeline", headers=HX)
    assert "<html" not in form.text
    where = re.search(r'hx-post="([^"]+)"', form.text)
    assert where
    answer = client.post(where.group(1), data={"step": "1", "text": "it is <shared> here"}, headers=HX)
    assert answer.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=1&view=timeline"
    assert text(answer).count("Ann: it is <shared> here") == 2  # in the list, and with what happened in the step
    assert re.search(r'class="step-mark[^"]*noted', answer.text)
    assert 'class="noted" x="497.0"' in answer.text
    elsewhere = client.get(f"/runs/{run_id}?step=0")
    assert text(elsewhere).count("it is <shared> here") == 1
    (note,) = store.notes(run_id)
    assert attribute(elsewhere, f"note-{note.id}", "href") == f"/runs/{run_id}?step=1"


def test_a_bookmark_needs_no_words(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    answer = client.post(f"/runs/{run_id}/notes", data={"step": "2"}, headers=FORM)
    assert answer.headers["Location"] == f"/runs/{run_id}?step=2"
    assert "1 note step 2 marked" in text(client.get(f"/runs/{run_id}"))


def test_a_note_is_changed_deleted_and_had_back(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    note_id = store.add_note(run_id, 1, "first words")
    form = client.get(f"/runs/{run_id}/notes/form?id={note_id}")
    assert 'value="first words"' in form.text
    assert "<html" in form.text  # without scripts it is a page
    client.post(f"/runs/{run_id}/notes/{note_id}", data={"text": "better words", "step": "1"}, headers=HX)
    assert [one.text for one in store.notes(run_id)] == ["better words"]

    answer = client.post(f"/runs/{run_id}/notes/{note_id}/delete", data={"step": "0"}, headers=HX)
    assert store.notes(run_id) == []
    assert "The note was deleted." in text(answer)
    assert "step 0 of 2" in text(answer)  # the reader stays where they were
    undo = re.search(r'hx-post="([^"]+/restore)"', answer.text)
    assert undo
    back = client.post(undo.group(1), data={"step": "0"}, headers=HX)
    assert "better words" in text(back)
    assert "deleted" not in text(back)
    assert [one.text for one in store.notes(run_id)] == ["better words"]


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("notes", {"step": "3"}, 404),
        ("notes", {"step": "x"}, 400),
        ("notes", {"step": "1", "text": "x" * 1001}, 400),
        ("notes/77", {"text": "x"}, 404),
        ("notes/77/delete", {}, 404),
        ("notes/77/restore", {}, 404),
    ],
)
def test_a_note_that_cannot_be_says_why(
    client: FlaskClient, store: Store, path: str, data: dict[str, str], status: int
) -> None:
    run_id = recorded(store)
    assert client.post(f"/runs/{run_id}/{path}", data=data, headers=HX).status_code == status
    assert store.notes(run_id) == []


def test_a_note_of_another_run_is_out_of_reach(client: FlaskClient, store: Store) -> None:
    mine, other = recorded(store), recorded(store)
    note_id = store.add_note(other, 1, "theirs")
    assert client.post(f"/runs/{mine}/notes/{note_id}/delete", headers=HX).status_code == 404
    assert client.get(f"/runs/{mine}/notes/form?id={note_id}").status_code == 404
    assert store.notes(other)


def test_pages_hear_of_a_note_as_of_a_step(client: FlaskClient, store: Store) -> None:
    live = waiting_run(store, 2)
    url = f"/runs/{live}/live?rev={store.rev(live)}"
    store.add_note(live, 0, "look")
    assert "look" in text(client.get(url, headers=HX))
    # A run that is over does not ask for itself any more: the bar on top says that there is something new.
    over = recorded(store)
    page = client.get(f"/runs/{over}")
    bar = str(attribute(page, "company", "hx-get"))
    store.add_note(over, 0, "look")
    client.application.extensions["interlock"].company.forget(over)
    later = client.get(bar, headers=HX)
    assert int(attribute(later, "company", "data-rev") or 0) > int(attribute(page, "room", "data-rev") or 0)


def test_notes_go_into_the_summary_and_not_into_the_journal(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    store.add_note(run_id, 2, "it *fails* here", actor="Ann")
    store.add_note(run_id, 1, "")
    summary = client.get(f"/runs/{run_id}/summary.md").text
    assert f"- [step 1](http://localhost/runs/{run_id}?step=1): marked" in summary
    assert f"- [step 2](http://localhost/runs/{run_id}?step=2): Ann: it \\*fails\\* here" in summary
    assert "fails* here" not in client.get(f"/runs/{run_id}/journal.jsonl").text


def test_the_presenter_view_is_kept_in_links_and_shows_no_secrets(client: FlaskClient, store: Store) -> None:
    run_id = waiting_run(store, 2)
    page = client.get(f"/runs/{run_id}?step=1&present=1")
    assert 'class="presenting"' in page.text
    assert 'id="stop"' not in page.text
    assert "What if…" not in page.text
    assert attribute(page, "back", "href") == f"/runs/{run_id}?step=0&present=1"
    assert str(attribute(page, "room", "hx-get")).endswith("&present=1")
    assert attribute(page, "present", "href") == f"/runs/{run_id}?step=1"
    assert attribute(page, "slider", "hx-get") == f"/runs/{run_id}/live?present=1"
    assert attribute(page, "view-timeline", "href") == f"/runs/{run_id}?step=1&view=timeline&present=1"
    fragment = client.get(f"/runs/{run_id}/live?step=0&present=1", headers=HX)
    assert fragment.headers["HX-Push-Url"] == f"/runs/{run_id}?step=0&present=1"

    code = 'engine = create_async_engine("postgresql+asyncpg://app:hunter2@db/app")\n'
    header = journal.from_data(type(sample.HEADER), journal.to_data(sample.HEADER) | {"sources": {"broken.py": code}})
    secret = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    store.claim(secret, WORKER)
    store.set_header(secret, header)
    assert "hunter2" in client.get(f"/runs/{secret}").text
    shown = client.get(f"/runs/{secret}?present=1")
    assert "hunter2" not in shown.text
    assert "postgresql+asyncpg://***/app" in text(shown)
