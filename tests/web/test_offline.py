"""A run as files: a page that steps without a server, drawings, and where to find them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from xml.dom import minidom

from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import Store
from interlock.frame import Event
from tests.web.given import WORKER
from tests.web.given import attribute
from tests.web.given import ended_run
from tests.web.given import text


def unpacked(html: str) -> list[str]:
    """The fragments of every step in the file."""
    (packed,) = re.findall(r'id="data">([^<]+)<', html)
    data = json.loads(zlib.decompress(base64.b64decode(packed)))
    return ["".join(data["fragments"][place] for place in step) for step in data["steps"]]


def test_the_page_refers_to_nothing_and_allows_nothing_but_its_own_code(client: FlaskClient, store: Store) -> None:
    answer = client.get(f"/runs/{ended_run(store)}/offline.html")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    steps = unpacked(answer.text)
    assert len(steps) == len(sample.STEPS)
    for html in (answer.text, *steps):
        assert not re.findall(r"""(?:href|src|action|hx-\w+|data-png)=["'](?!#)""", html)
        assert "<form" not in html
        assert not re.search(r"url\(|@import", html)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', answer.text)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    for code in (style, script):
        assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() in policy.replace("&#43;", "+")
    assert "default-src &#39;none&#39;" in policy


def test_the_page_shows_each_step_as_the_dashboard_does(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    steps = unpacked(client.get(f"/runs/{run_id}/offline.html").text)
    assert sample.STEPS[1].frame.tasks[1].name in steps[1]
    assert "twophase" in steps[2]
    assert 'href="#step-2"' in steps[2]  # the proof leads to its steps
    assert "chosen" in steps[0]


def test_the_page_has_the_lanes_the_notes_and_the_branches(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    store.add_note(run_id, 1, "here it is shared; password=sesame", actor="Ann")
    store.add_note(run_id, 2, "")
    branch = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step", parent=run_id, branch=1)
    page = client.get(f"/runs/{run_id}/offline.html")
    assert "2 notes step 1 Ann: here it is shared; password=*** step 2 marked" in text(page)
    assert f"run {branch}" in text(page)
    steps = unpacked(page.text)
    assert "here it is shared" in steps[1]  # with what happened in the step
    assert "here it is shared" not in steps[0]
    lanes = [re.search(r'<section class="panel timeline-panel.*', html, re.DOTALL) for html in steps]
    assert all(one and one.group() == lanes[0].group() for one in lanes if lanes[0])  # packed once
    assert lanes[0]
    assert re.search(r'id="mark-1" class="step-mark noted" href="#step-1" data-at="1"', lanes[0].group())
    assert "works on start-up" in lanes[0].group()


def test_secrets_do_not_leave(client: FlaskClient, store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step", title="token=sesame")
    assert store.claim(run_id, WORKER)
    source = {"broken.py": 'URL = "postgresql://ann:sesame@db/app"\nPASSWORD = "sesame"\n'}
    store.set_header(run_id, replace(sample.HEADER, sources=source))
    said = Event("stdout", "password=sesame", "t1")
    store.add_steps(run_id, [replace(step, events=(*step.events, said)) for step in sample.STEPS])
    store.finish(run_id, replace(sample.END, detail="secret: sesame"), True)
    page = client.get(f"/runs/{run_id}/offline.html").text
    assert "sesame" not in page
    assert not [html for html in unpacked(page) if "sesame" in html]
    assert "sesame" in client.get(f"/runs/{run_id}").text  # they were there


def test_a_huge_run_is_cut_and_the_file_says_so(client: FlaskClient, store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, sample.HEADER)
    store.add_steps(run_id, [replace(sample.STEPS[0], number=number) for number in range(1100)])
    store.finish(run_id, replace(sample.END, steps=1099, failed_at=1099), True)
    assert "of a run as long as this a stretch" in text(client.get(f"/runs/{run_id}"))
    assert "as long as this" not in text(client.get(f"/runs/{ended_run(store)}"))
    page = client.get(f"/runs/{run_id}/offline.html")
    assert "This file holds steps 100 to 1099 of 1099" in text(page)
    assert len(unpacked(page.text)) == 1000


def test_drawings_are_images_by_themselves(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    for what, words in (("timeline", ("second", "⚑")), ("matrix", ("orphan", "(woke)", "in failed transaction"))):
        answer = client.get(f"/runs/{run_id}/{what}.svg?step=2")
        assert answer.mimetype == "image/svg+xml"
        assert minidom.parseString(answer.data).documentElement.tagName == "svg"
        assert not re.search(r"var\(|href|url\(", answer.text)
        assert all(word in answer.text for word in words), what
    assert client.get(f"/runs/{run_id}/matrix.svg?step=9").status_code == 404


def test_everything_that_can_be_taken_away_stands_in_one_place(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=1")
    assert attribute(page, "offline", "href") == f"/runs/{run_id}/offline.html"
    assert attribute(page, "journal", "href") == f"/runs/{run_id}/journal.jsonl"
    assert attribute(page, "matrix-png", "data-png") == f"/runs/{run_id}/matrix.svg?step=1"
    assert attribute(page, "away-command", "data-copy") == attribute(page, "copy-command", "data-copy")
    queued = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    assert "offline.html" not in client.get(f"/runs/{queued}").text
    assert client.get(f"/runs/{queued}/offline.html").status_code == 409


def test_the_first_sharing_can_be_gone_to_once_the_run_is_over(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=2")
    assert "First sharing: step 0" in text(page)
    assert attribute(page, "turn", "href") == f"/runs/{run_id}?step=0"
    assert "are inside a call of session s1 at once" in (attribute(page, "turn", "title") or "")
    marked = client.get(f"/runs/{run_id}?step=2&view=timeline")
    assert "first sharing" in (attribute(marked, "mark-0", "title") or "")
