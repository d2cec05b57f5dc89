"""Drivers and viewers: what a share link opens, what it does not, and how it ends."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard import security
from dashboard.app import create_app
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.store import HistoryFilter
from dashboard.store import Store
from dashboard.viewers import Viewers
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import JSON
from tests.web.given import attribute
from tests.web.given import recorded
from tests.web.given import text
from tests.web.given import waiting_run

TOKEN = "a-token-that-nobody-guesses"
HOUR = timedelta(hours=1)
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize(
    ("method", "endpoint", "asked", "allowed"),
    [
        ("GET", "runs.show", (1,), True),
        ("HEAD", "runs.show", (1,), True),
        ("GET", "runs.live", (2,), True),
        ("GET", "runs.journal", (1,), True),
        ("GET", "runs.show", (3,), False),
        ("GET", "runs.show", (1, 3), False),
        ("GET", "runs.show", (1, 2), True),
        ("GET", "runs.runs", (), False),
        ("GET", "home.home", (), False),
        ("GET", None, (), False),
        ("GET", "shares.shares", (1,), False),
        ("GET", "notes.form", (1,), False),
        ("GET", "static", (), True),
        ("GET", "shares.enter", (), True),
        ("POST", "runs.command", (1,), False),
        ("POST", "runs.start", (), False),
        ("POST", "company.lead", (1,), False),
        ("POST", "company.name", (1,), True),
        ("POST", "company.name", (3,), False),
        ("POST", "shares.leave", (), True),
        ("DELETE", "runs.show", (1,), False),
        ("PUT", "runs.show", (1,), False),
    ],
)
def test_a_viewer_sees_the_runs_of_the_link_and_changes_nothing(
    method: str, endpoint: str | None, asked: tuple[int, ...], allowed: bool
) -> None:
    assert (security.beyond(method, endpoint, asked, {1, 2}) is None) is allowed


@pytest.fixture
def guarded(store: Store, tmp_path: Path) -> Flask:
    """A dashboard that others can reach, with its token."""
    settings = Settings(
        tmp_path,
        host="0.0.0.0",
        token=TOKEN,
        allowed_hosts=("localhost",),
        scenario_dirs=(resource("scenarios"),),
    )
    return create_app(settings, store)


@pytest.fixture
def visitor(guarded: Flask) -> FlaskClient:
    """Somebody without the token."""
    return guarded.test_client()


def test_a_link_lets_in_without_the_token_and_leaves_the_address_bar(visitor: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    assert visitor.get(f"/runs/{run_id}").status_code == 403
    _, token = store.create_share(run_id, HOUR)
    answer = visitor.get(f"/share/{token}")
    assert answer.status_code == 303
    assert token not in answer.headers["Location"]
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert re.match(r"interlock_\d+_viewer=", cookie)
    opened = visitor.get(answer.headers["Location"])
    assert f'content="0;url=/runs/{run_id}"' in opened.text

    page = visitor.get(f"/runs/{run_id}")
    assert page.status_code == 200
    assert f"Viewer of run {run_id}" in text(page)
    assert visitor.get("/").headers["Location"] == f"/runs/{run_id}"
    assert "Your link shows one run" in text(visitor.get("/runs"))
    assert visitor.get(f"/runs/{recorded(store)}").status_code == 403


def test_the_token_is_kept_as_a_hash_only(store: Store) -> None:
    run_id = recorded(store)
    _, token = store.create_share(run_id, HOUR)
    with store.reading() as tx:
        rows = tx.exec_driver_sql("select row_to_json(share)::text from share").scalars().all()
    assert rows
    assert token not in "".join(rows)


def test_a_link_shows_branches_too(visitor: FlaskClient, store: Store) -> None:
    parent = recorded(store)
    child = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=parent, branch=1)
    _, token = store.create_share(parent, HOUR)
    visitor.get(f"/share/{token}")
    assert visitor.get(f"/runs/{child}").status_code == 200


def test_a_viewer_compares_what_the_link_shows_and_nothing_else(
    visitor: FlaskClient, client: FlaskClient, store: Store
) -> None:
    a, other = recorded(store), recorded(store)
    b = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=a, branch=1)
    _, token = store.create_share(a, HOUR)
    visitor.get(f"/share/{token}")
    assert f'href="/compare?a={a}&amp;b={b}"' in visitor.get(f"/runs/{a}").text
    page = visitor.get(f"/compare?a={a}&b={b}")
    assert page.status_code == 200
    assert "compare-other" in client.get(f"/compare?a={a}&b={b}").text
    assert "compare-other" not in page.text
    assert 'href="/runs"' not in page.text
    assert visitor.get(f"/compare/live?a={a}&b={b}&step=1", headers=HX).status_code == 200
    for query in (f"a={a}", f"a={a}&b={other}", f"a={other}&b={a}", f"a={other}&b={other}", f"b={b}", ""):
        for page_of in ("/compare", "/compare/live"):
            assert visitor.get(f"{page_of}?{query}").status_code == 403, f"{page_of}?{query}"
    # What is asked is what is looked at, however often it is named.
    assert visitor.get(f"/compare?a={a}&a={other}&b={b}").status_code == 200
    assert f"run {other}" not in text(visitor.get(f"/compare?a={a}&a={other}&b={b}"))
    assert visitor.get(f"/compare?a={other}&a={a}&b={b}").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/runs/selected?action=export&all=1",
        "/runs/retention",
        "/runs/import",
        "/incidents",
        "/incidents/guide",
        "/patterns",
        "/patterns/live",
        "/stacks",
        "/servers",
        "/activity",
        "/activity/live",
        "/history",
    ],
)
def test_a_viewer_of_a_run_does_not_reach_what_is_about_all(visitor: FlaskClient, store: Store, path: str) -> None:
    _, token = store.create_share(recorded(store), HOUR)
    visitor.get(f"/share/{token}")
    answer = visitor.get(path)
    assert answer.status_code == 403
    assert "You are a viewer here." in answer.text


def test_a_viewer_of_a_queued_run_hears_nothing_of_the_runs_before_it(client: FlaskClient, store: Store) -> None:
    waiting = waiting_run(store)
    queued = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    assert f"hold one: run {waiting}" in text(client.get(f"/runs/{queued}"))
    _, token = store.create_share(queued, HOUR)
    client.get(f"/share/{token}")
    page = text(client.get(f"/runs/{queued}"))
    assert "A worker takes this run when it has a place." in page
    assert f"run {waiting}" not in page


def test_every_address_refuses_a_viewer_who_would_change_something(
    guarded: Flask, visitor: FlaskClient, store: Store
) -> None:
    """Whatever is added to the dashboard later is refused to viewers too, unless it is named here."""
    run_id = recorded(store)
    _, token = store.create_share(run_id, HOUR)
    visitor.get(f"/share/{token}")
    tried = 0
    for rule in guarded.url_map.iter_rules():
        values = {name: run_id if name == "run_id" else 1 for name in rule.arguments}
        with guarded.test_request_context():
            path = guarded.url_for(rule.endpoint, **values)
        for method in UNSAFE:
            if method not in (rule.methods or ()):
                continue
            tried += 1
            if rule.endpoint not in ("shares.leave", "company.name"):
                for headers in (FORM, HX, JSON):
                    answer = visitor.open(path, method=method, headers=headers)
                    assert answer.status_code == 403, f"{method} {path}"
                    assert "You are a viewer here." in answer.text
    assert tried >= 12


def test_what_changes_something_is_not_offered_to_a_viewer(client: FlaskClient, store: Store) -> None:
    run_id = waiting_run(store, 2)
    _, token = store.create_share(run_id, HOUR)
    store.add_note(run_id, 1, "look here", actor="Ann")
    store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=run_id, branch=1)
    before = client.get(f"/runs/{run_id}")
    assert 'id="stop"' in before.text
    client.get(f"/share/{token}")
    for step in (0, 1):
        page = client.get(f"/runs/{run_id}?step={step}")
        forms = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page.text)
        assert set(forms) == {"/share/leave", f"/runs/{run_id}/company/name"}
        assert 'href="/runs"' not in page.text
    assert attribute(page, "next", "title") == "Drivers make the run go on; you watch"
    assert attribute(page, "next", "aria-disabled") == "true"
    assert "A driver chooses; you watch." in text(page)
    assert "Ann: look here" in text(page)
    # The poll's answer is of the same kind, whoever else has asked the same just before.
    driver = client.application.test_client()
    for _ in range(2):
        assert 'id="stop"' in driver.get(f"/runs/{run_id}/live?rev=0", headers=HX).text
        fragment = client.get(f"/runs/{run_id}/live?rev=0", headers=HX)
        forms = re.findall(r'<form[^>]*method="post"', fragment.text)
        assert not forms


def test_without_a_token_a_link_shows_what_viewers_see_and_leaving_drives_again(
    client: FlaskClient, store: Store
) -> None:
    run_id = recorded(store)
    _, token = store.create_share(run_id, HOUR)
    client.get(f"/share/{token}")
    assert client.get("/runs").status_code == 403
    answer = client.post("/share/leave", data={"run": run_id}, headers=FORM)
    assert answer.headers["Location"] == f"/runs/{run_id}"
    assert client.get("/runs").status_code == 200


def test_who_has_the_token_drives_whatever_link_they_opened(visitor: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    _, token = store.create_share(run_id, HOUR)
    visitor.get(f"/share/{token}")
    visitor.get(f"/?token={TOKEN}")
    assert visitor.get("/runs").status_code == 200
    script = visitor.get("/runs", headers={"Authorization": f"Bearer {TOKEN}"})
    assert script.status_code == 200


def test_a_revoked_link_ends_at_once_and_says_so(visitor: FlaskClient, guarded: Flask, store: Store) -> None:
    run_id = recorded(store)
    share, token = store.create_share(run_id, HOUR, actor="Ann")
    visitor.get(f"/share/{token}")
    driver = guarded.test_client()
    driver.get(f"/?token={TOKEN}")
    listed = driver.get(f"/runs/{run_id}/shares")
    assert "just now by Ann" in text(listed)
    assert driver.post(f"/runs/{run_id}/shares/{share.id}/revoke", headers=FORM).status_code == 303
    page = visitor.get(f"/runs/{run_id}")
    assert page.status_code == 403
    assert "This share link was revoked." in text(page)
    # A page that polls comes to the same, and stops polling.
    poll = visitor.get(f"/runs/{run_id}/live?rev=1", headers=HX)
    assert poll.headers["HX-Refresh"] == "true"
    assert guarded.test_client().get(f"/share/{token}").status_code == 403
    assert "revoked just now" in text(driver.get(f"/runs/{run_id}/shares"))
    deeds = store.history(HistoryFilter(object=f"run:{run_id}"))[0]
    assert [(deed.actor, deed.action) for deed in deeds] == [("", "revoke"), ("Ann", "share"), ("", "start")]
    assert token not in deeds[1].text


def test_a_link_ends_by_itself(visitor: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    _, token = store.create_share(run_id, timedelta(seconds=-1))
    answer = visitor.get(f"/share/{token}")
    assert answer.status_code == 403
    assert "This share link has expired." in text(answer)
    visitor.set_cookie("interlock_80_viewer", token)
    assert "has expired" in text(visitor.get(f"/runs/{run_id}"))
    assert visitor.post("/share/leave", headers=FORM).status_code == 303


def test_a_link_that_nobody_made_is_said_to_be_unknown(visitor: FlaskClient) -> None:
    answer = visitor.get("/share/something-made-up")
    assert answer.status_code == 404
    assert "Ask whoever gave it to you" in text(answer)
    visitor.set_cookie("interlock_80_viewer", "something-made-up")
    assert "asks for its token" in text(visitor.get("/runs"))


@pytest.mark.parametrize(("lasts", "status"), [("1h", 200), ("8h", 200), ("1d", 200), ("7d", 200), ("9y", 400)])
def test_a_link_is_made_for_a_while_and_shown_once(client: FlaskClient, store: Store, lasts: str, status: int) -> None:
    run_id = recorded(store)
    answer = client.post(f"/runs/{run_id}/shares", data={"lasts": lasts}, headers=HX)
    assert answer.status_code == status
    if status == 200:
        link = re.search(r'id="share-link">http://localhost(/share/[\w-]+)<', answer.text)
        assert link
        assert client.get(link.group(1)).status_code == 303
    assert "share/" not in client.get(f"/runs/{run_id}/shares").text.replace("share/leave", "")
    assert client.post("/runs/77/shares", data={"lasts": "1h"}, headers=HX).status_code in (403, 404)


def test_what_a_link_opens_is_asked_of_the_store_every_other_second(store: Store) -> None:
    run_id, now = recorded(store), 0.0
    viewers = Viewers(lambda: now)
    share, token = store.create_share(run_id, HOUR)
    store.revoke_share(run_id, share.id)  # by another process
    assert viewers.of(store, "unknown") is None
    found = viewers.of(store, token)
    assert found
    assert found.share.revoked
    assert found.runs == {run_id}
    child = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=run_id)
    assert viewers.of(store, token) is found
    now = 3.0
    later = viewers.of(store, token)
    assert later
    assert later.runs == {run_id, child}
