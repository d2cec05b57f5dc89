"""What holds for every page."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard import app
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.store import Store
from tests.web.given import HX
from tests.web.given import JSON
from tests.web.given import ended_run


def test_after_an_update_a_server_that_still_runs_says_that_it_has_to_be_restarted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = shutil.copytree(resource("templates"), tmp_path / "templates")
    monkeypatch.setattr(app, "resource", lambda name: templates if name == "templates" else resource(name))
    (templates / "history.html").write_text("{{ page.an_earlier.field }}")
    client = app.create_app(Settings(tmp_path), store).test_client()
    assert "Interlock made a mistake." in client.get("/history").text  # of its own
    for name in ("servers.html", "base.html", "error.html"):
        (templates / name).write_text("{{ page.a_later.field }}")
    for headers in ({}, HX, JSON):
        answer = client.get("/servers", headers=headers)
        assert answer.status_code == 500
        assert "Interlock was updated while it ran." in answer.text
        assert "Start it again." in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/patterns",
        "/stacks",
        "/activity",
        "/runs/{}",
        "/runs/{}/shares",
        "/runs/{}/notes/form",
        "/compare?a={0}&b={0}",
    ],
)
def test_whatever_a_page_swaps_is_on_it(client: FlaskClient, store: Store, path: str) -> None:
    """A button whose target is on another page does nothing at all."""
    run_id = ended_run(store)
    store.create_share(run_id, timedelta(hours=1))
    page = client.get(path.format(run_id)).text
    for target in re.findall(r'hx-target="#([^"]+)"', page):
        assert f'id="{target}"' in page, target


@pytest.mark.parametrize(
    ("path", "status"),
    [("/runs/77", 404), ("/runs/77/live", 404), ("/runs/x", 404), ("/runs/77/journal.jsonl", 404)],
)
def test_what_is_not_there_is_said(client: FlaskClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status
