"""Who may ask for what: the rules as tables, and the application that applies them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboard import redaction
from dashboard import security
from dashboard.app import create_app
from dashboard.config import Settings
from dashboard.store import Store

TOKEN = "a-token-that-nobody-guesses"
NO_STORE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8440", True),
        ("127.0.0.1", True),
        ("127.8.9.10:8440", True),
        ("localhost:8440", True),
        ("LocalHost", True),
        ("localhost.", True),
        ("[::1]:8440", True),
        ("[::1]", True),
        ("[0:0:0:0:0:0:0:1]:8440", True),
        ("review.example", True),
        ("REVIEW.example:8440", True),
        ("[2001:db8::7]:8440", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:8440", False),
        ("review.example.evil.example", False),
        ("192.168.1.7:8440", False),
        ("0.0.0.0:8440", False),
        ("[2001:db8::8]:8440", False),
        ("::1", False),
        ("127.0.0.1:8440:8440", False),
        ("evil.example@127.0.0.1", False),
        ("127.0.0.1/evil", False),
        ("", False),
    ],
)
def test_only_loopback_and_names_we_were_told_are_hosts(host: str, allowed: bool) -> None:
    assert security.host_allowed(host, ("review.example", "[2001:db8::7]")) is allowed


OWN = "http://review.example:8440"


@pytest.mark.parametrize(
    ("method", "headers", "own"),
    [
        ("GET", {}, True),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, True),
        ("HEAD", {"Origin": "http://evil.example"}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, True),
        ("POST", {"Sec-Fetch-Site": "none"}, True),
        ("POST", {"Sec-Fetch-Site": "same-site"}, False),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, False),
        ("DELETE", {"Sec-Fetch-Site": "cross-site"}, False),
        # What the browser says of the site outweighs the origin: proxies rewrite hosts.
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "http://other.example"}, True),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False),
        # Plain http host names: browsers send the origin alone.
        ("POST", {"Origin": OWN}, True),
        ("POST", {"Origin": "http://REVIEW.example:8440"}, True),
        ("POST", {"Origin": "https://review.example:8440"}, False),
        ("POST", {"Origin": "http://review.example:8441"}, False),
        ("POST", {"Origin": "http://review.example"}, False),
        ("POST", {"Origin": "http://evil.example"}, False),
        ("POST", {"Origin": "null"}, False),
        ("POST", {"Origin": "http://review.example:x"}, False),
        ("POST", {}, False),
    ],
)
def test_what_changes_something_comes_from_a_page_of_ours(method: str, headers: dict[str, str], own: bool) -> None:
    assert (security.foreign(method, headers, OWN) is None) is own


def test_a_default_port_may_be_left_out_of_an_origin() -> None:
    assert security.foreign("POST", {"Origin": "http://review.example:80"}, "http://review.example") is None
    assert security.foreign("POST", {"Origin": "https://review.example"}, "https://review.example:443") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://app:s3cret@db/app", "postgresql://app:***@db/app"),
        ("postgresql+asyncpg://app:s3cret@db:5432/app?x=1", "postgresql+asyncpg://app:***@db:5432/app?x=1"),
        ("host=db password=s3cret user=app", "host=db password=*** user=app"),
        ("host=db password='s3 cret' user=app", "host=db password=*** user=app"),
        ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
        ("http://127.0.0.1:8440/?token=s3cret&x=1", "http://127.0.0.1:8440/?token=***&x=1"),
        ("postgresql://app@db/app", "postgresql://app@db/app"),
        ("token = session_context.set(number)", "token = session_context.set(number)"),
        ("password = s3.cret", "password = ***"),
        ("token=s3cret(1)", "token=***"),
        ("at 10:00:00 the server said: no", "at 10:00:00 the server said: no"),
    ],
)
def test_secrets_are_struck_out(text: str, shown: str) -> None:
    assert redaction.redact(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+asyncpg://app:s3cret@db.internal:5432/app?x=1", "postgresql+asyncpg://***/app?x=1"),
        ('create_engine("postgres://db/app")', 'create_engine("postgres://***/app")'),
        ("c1 opened to writer.internal:5432/app", "c1 opened to ***:5432/app"),
        (
            'connection to server at "db.internal" failed: password authentication failed for user "app"',
            'connection to server at "***" failed: password authentication failed for user "***"',
        ),
        ("https://docs.sqlalchemy.org/en/20/errors.html", "https://docs.sqlalchemy.org/en/20/errors.html"),
        ("user = await session.get(User, 1)  # at 10:15", "user = await session.get(User, 1)  # at 10:15"),
    ],
)
def test_on_a_shared_screen_the_server_and_who_connects_to_it_are_struck_out_too(text: str, shown: str) -> None:
    assert redaction.for_a_screen(text) == shown


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[FlaskClient]:
    """A dashboard as it is by default. Its store is away: what is asked here needs none."""
    with closing(Store(NO_STORE)) as store:
        yield create_app(Settings(tmp_path), store).test_client()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[FlaskClient]:
    """A dashboard that others can reach, with its token."""
    settings = Settings(tmp_path, host="0.0.0.0", token=TOKEN, allowed_hosts=("review.example",))
    with closing(Store(NO_STORE)) as store:
        yield create_app(settings, store).test_client()


HERE = {"Host": "127.0.0.1:8440"}
THERE = {"Host": "review.example:8440"}
PAGE = "/-/gallery"


def test_a_foreign_host_name_is_told_what_to_do(plain: FlaskClient) -> None:
    answer = plain.get(PAGE, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "INTERLOCK_ALLOWED_HOSTS" in answer.text


def test_the_loopback_address_of_ipv6_is_served(plain: FlaskClient) -> None:
    assert plain.get(PAGE, headers={"Host": "[::1]:8440"}).status_code == 200


def test_every_page_carries_the_headers(plain: FlaskClient) -> None:
    for path in (PAGE, "/no-such-page", "/runs"):  # fine, not found, store away
        headers = plain.get(path, headers=HERE).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_no_page_has_inline_code(plain: FlaskClient) -> None:
    rooms = ("start", "waiting", "playing", "recorded", "failure")
    for path in (PAGE, *(f"{PAGE}/room/{room}" for room in rooms)):
        html = plain.get(path, headers=HERE).text
        assert not re.search(r"<[^>]*\s(style|on[a-z]+|hx-on[^=]*)=", html)
        assert "<script>" not in html


def test_a_post_of_another_site_is_refused_before_anything_happens(plain: FlaskClient) -> None:
    answer = plain.post("/runs", headers=HERE | {"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "another site" in answer.text


def test_errors_come_as_page_fragment_or_json(plain: FlaskClient) -> None:
    page = plain.get("/runs", headers=HERE)
    fragment = plain.get("/runs", headers=HERE | {"HX-Request": "true"})
    data = plain.get("/runs", headers=HERE | {"Accept": "application/json"})
    assert page.status_code == fragment.status_code == data.status_code == 503
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert "The store does not answer." in fragment.text
    assert data.get_json()["error"] == "The store does not answer."
    assert "127.0.0.1:1" not in page.text


def test_without_the_token_nothing_is_shown(guarded: FlaskClient) -> None:
    answer = guarded.get(PAGE, headers=THERE)
    assert answer.status_code == 403
    assert "asks for its token" in answer.text
    assert guarded.get("/?token=wrong", headers=THERE).status_code == 403
    assert guarded.get("/runs/1/live?rev=3", headers=THERE).status_code == 403


def test_the_token_is_traded_for_a_cookie_and_leaves_the_address_bar(guarded: FlaskClient) -> None:
    answer = guarded.get(f"{PAGE}?token={TOKEN}&step=4", headers=THERE)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{PAGE}?step=4"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("interlock_")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    again = {**THERE, "Cookie": cookie.partition(";")[0]}
    assert guarded.get(PAGE, headers=again).status_code == 200
    # Who has the cookie and opens the printed address again loses the token from the address bar too.
    assert guarded.get(f"{PAGE}?token={TOKEN}", headers=again).headers["Location"] == PAGE


def test_the_way_back_never_leads_to_another_site(guarded: FlaskClient) -> None:
    answer = guarded.get(f"//evil.example/?token={TOKEN}", headers=THERE)
    assert not answer.headers.get("Location", "/").startswith("//")


def test_a_script_brings_the_token_as_a_header_and_needs_no_origin(guarded: FlaskClient) -> None:
    for scheme in ("token", "Bearer"):
        headers = THERE | {"Authorization": f"{scheme} {TOKEN}"}
        assert guarded.get(PAGE, headers=headers).status_code == 200
        assert guarded.post("/-/gallery", headers=headers).status_code == 405  # past the guard, at the wrong address
    assert guarded.get(PAGE, headers=THERE | {"Authorization": "Bearer wrong"}).status_code == 403


def test_the_cookie_alone_changes_nothing_from_elsewhere(guarded: FlaskClient) -> None:
    cookie = guarded.get(f"/?token={TOKEN}", headers=THERE).headers["Set-Cookie"].partition(";")[0]
    post = {**THERE, "Cookie": cookie}
    assert guarded.post("/runs", headers=post).status_code == 403
    assert guarded.post("/runs", headers={**post, "Origin": "http://evil.example"}).status_code == 403
    assert guarded.post("/-/gallery", headers={**post, "Origin": "http://review.example:8440"}).status_code == 405


def test_health_and_static_files_need_no_token_and_tell_nothing(guarded: FlaskClient) -> None:
    assert guarded.get("/healthz", headers=THERE).get_json() == {"status": "store down"}
    with guarded.get("/static/icon.svg", headers=THERE) as icon:
        assert icon.status_code == 200
    assert guarded.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
