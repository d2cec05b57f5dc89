"""The gallery: every component in every state, made up."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.web.given import attribute
from tests.web.given import text

ASKS = re.compile(r'data-poll[^>]* hx-get="([^"]+)"')


def test_every_room_of_the_gallery_shows(client: FlaskClient) -> None:
    rooms = re.findall(r'href="(/-/gallery/room/[\w-]+)"', client.get("/-/gallery").text)
    assert len(rooms) >= 25
    for room in rooms:
        assert client.get(room).status_code == 200
    assert client.get("/-/gallery/room/none").status_code == 404


def test_what_replay_does_not_control_is_told_with_the_outcome(client: FlaskClient) -> None:
    told = client.get("/-/gallery/room/escaped").text
    assert "What replay does not control" in told
    assert "≈ another process was begun" in told
    assert "What replay does not control" not in client.get("/-/gallery/room/failure").text
    escaped = client.get("/-/gallery/room/escaped")
    assert attribute(escaped, "escaped", "href") == "#escapes"  # in sight, beside the verdict
    assert "1 escapes replay" in text(escaped)
    assert 'id="escapes"' in escaped.text


def test_a_run_that_waits_is_told_to_go_where_it_has_not_been(client: FlaskClient) -> None:
    assert "To the failure goes on by itself" in text(client.get("/-/gallery/room/waiting"))
    failed = text(client.get("/-/gallery/room/live-failed"))
    assert "goes on by itself" not in failed
    assert "Next lets it go on by a step, Play to its end." in failed


def test_a_made_up_page_stays_as_it_is(client: FlaskClient) -> None:
    """It asks by itself for nothing but what is made up too, so that no real run takes its place."""
    gallery = client.get("/-/gallery").text
    pages = sorted(set(re.findall(r'href="(/-/gallery/[\w/-]+)"', gallery)))
    assert len(pages) > 40
    asked = [url for html in (gallery, *(client.get(one).text for one in pages)) for url in ASKS.findall(html)]
    assert set(asked) == {"/-/gallery/poll/live", "/-/gallery/poll/stale"}
