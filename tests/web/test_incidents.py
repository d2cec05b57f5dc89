"""Home, the field guide, and the pages of incidents."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.config import resource
from dashboard.store import Store
from tests.web.given import HX
from tests.web.given import attribute
from tests.web.given import ended_run
from tests.web.given import many_runs
from tests.web.given import text
from tests.web.given import tidied_run


def test_home_offers_the_incident_and_what_is_missing_to_run_it(client: FlaskClient) -> None:
    page = client.get("/")
    assert "holds every reply of the server at a gate" in text(page)
    assert "One session, three tasks" in page.text
    assert "No run yet." in page.text
    assert "Install to run" in page.text  # its first stack is not there
    assert "Run scenario" in page.text  # the dashboard's own is


def test_home_shows_the_latest_verdict_of_each_stack(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = text(client.get("/"))
    assert f"run {run_id} ✓ reproduced" in page


def test_an_incident_tells_the_requests_that_its_programs_answer(client: FlaskClient) -> None:
    page = text(client.get("/incidents/after_response"))
    assert "Requests that arrive: ann GET /users/1 , ben GET /users/2 , cleo GET /users/3" in page
    assert "Requests that arrive" not in text(client.get("/incidents/shared_session"))


def test_the_guide_lists_every_incident_and_finds_one_by_what_was_seen(client: FlaskClient) -> None:
    page = client.get("/")
    folders = {path.parent.name for path in resource("scenarios").glob("[!_]*/incident.toml")}
    assert set(re.findall(r'<tbody id="guide-([a-z_]+)"', page.text)) == folders
    seen = "PendingRollbackError: Can't reconnect until invalid transaction is rolled back."
    found = client.get("/", query_string={"q": seen})
    assert "A known error." in text(found)
    assert re.findall(r'<tbody id="guide-([a-z_]+)"', found.text)[0] == "timeout_then_commit"
    assert "Run scenario" not in found.text  # what was asked for, and nothing above it


def test_while_somebody_types_only_the_guide_is_sent_and_the_address_follows(client: FlaskClient) -> None:
    answer = client.get("/incidents/guide?q=deadlock+detected", headers=HX)
    assert answer.headers["HX-Replace-Url"] == "/?q=deadlock+detected"
    assert "<html" not in answer.text
    assert "lock_order" in answer.text
    nothing = client.get("/incidents/guide?q=zzz", headers=HX)
    assert "None of the" in text(nothing)
    assert client.get("/incidents/guide", headers=HX).headers["HX-Replace-Url"] == "/"


def test_an_incident_tells_its_story_and_takes_the_form_from_the_address(client: FlaskClient) -> None:
    page = client.get("/incidents/shared_session?program=sequential&mode=random&seed=7")
    assert page.status_code == 200
    assert '<option value="sequential" selected>' in page.text
    assert '<option value="random" selected>' in page.text
    assert attribute(page, "form-seed", "value") == "7"
    assert 'id="file-broken.py"' in page.text


def test_an_unknown_incident_names_those_there_are(client: FlaskClient) -> None:
    page = client.get("/incidents/<script>")
    assert page.status_code == 404
    assert "shared_session" in page.text
    assert "<script>'" not in page.text


def listed_incidents(answer: TestResponse) -> list[str]:
    return re.findall(r'<tbody id="incident-(\w+)">', answer.text)


def test_incidents_are_a_list_too(client: FlaskClient, store: Store) -> None:
    many_runs(store, 9)
    page = client.get("/incidents?sort=-runs")
    first = listed_incidents(page)
    assert first[:2] == ["shared_session", "lost_update"]
    assert 'href="/runs?incident=shared_session" aria-label="6 runs of One session, three tasks"' in page.text
    for seen in ("This session is provisioning a new connection", "deadlock", "one session, three tasks"):
        guide = client.get("/", query_string={"q": seen})
        found = client.get("/incidents", query_string={"search": seen})
        assert re.findall(r'<tbody id="guide-(\w+)">', guide.text) == listed_incidents(found)  # the best first
        assert f"Showing {len(listed_incidents(found))} of" in found.text
        assert 0 < len(listed_incidents(found)) < len(first)
    assert "No incident matches." in client.get("/incidents?search=no+such+thing+anywhere+zzz").text


def test_incidents_are_filtered_by_family_and_by_what_they_show(client: FlaskClient) -> None:
    every = set(listed_incidents(client.get("/incidents")))
    silent = client.get("/incidents?ends=silent")
    assert {"lost_update", "torn_commit"} <= set(listed_incidents(silent)) < every
    number = len(listed_incidents(silent))
    assert f'<option value="silent" selected>silent failure ({number})</option>' in silent.text
    family = html.unescape(re.findall(r'<option value="([^"]+)">', silent.text)[0])
    both = client.get("/incidents", query_string={"ends": "silent", "family": family})
    assert 0 < len(listed_incidents(both)) < number
    assert f" selected>{html.escape(family)} ({len(listed_incidents(both))})</option>" in both.text


def test_each_program_of_an_incident_tells_how_it_ends_on_each_stack(client: FlaskClient, store: Store) -> None:
    run_id = tidied_run(store)
    for address, name in (("/", "guide"), ("/incidents", "incident")):
        body = re.search(rf'<tbody id="{name}-shared_session">.*?</tbody>', client.get(address).text, re.DOTALL)
        assert body
        rows = [
            " ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", body[0], re.DOTALL)
        ]
        programs = [row for row in rows if re.search(r"\b(broken|fix|probe)\b", row)]
        assert len(programs) == len(rows) == 5
        assert f"broken ✕ error ✓ run {run_id} , as declared AttributeError ✕ error InvalidRequestError" in rows[0]
        assert re.match("session_per_task fix ✓ ok ✓ ok ✓ ok", programs[3])
    with store.transaction() as tx:  # it had another order, and got away
        tx.exec_driver_sql("update run set expected = null, outcome = 'ok'")
    assert f"broken ✕ error run {run_id}: ok AttributeError" in text(client.get("/incidents"))
    assert "2.0.51 ‼ silent failure" in text(client.get("/?q=scrambled_returning"))  # a stack without a column
    assert "session_inside fix ✓ right error NotFoundError" in text(client.get("/?q=siblings_outlive"))


@pytest.mark.parametrize("name", ["x" * 300, "SHARED_SESSION", "..", "%00"])
def test_what_is_no_name_of_an_incident_is_not_found(client: FlaskClient, name: str) -> None:
    """Also where the file system would not hear of it, or takes capitals for the same."""
    assert client.get(f"/incidents/{name}").status_code == 404
