"""How a run is begun."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import JSON
from tests.web.given import attribute
from tests.web.given import text

START = {"incident": "shared_session", "program": "broken", "stack": "sqlalchemy-2.1", "mode": "random", "seed": "7"}


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"incident": "none"}, 404, "no incident"),
        ({"program": "none"}, 400, "session_per_task"),
        ({"stack": "none"}, 400, "sqlalchemy-2.1"),
        ({"mode": "none"}, 400, "natural"),
        ({"seed": "-1"}, 400, "whole number"),
        ({"seed": "١"}, 400, "whole number"),
        ({"schedule": "il1:7=q3"}, 400, "q3"),
        ({"schedule": "il9:"}, 400, "version 9"),
        ({"schedule": "something else"}, 400, "no schedule"),
        ({"schedule": "x" * 300_000}, 413, "too large"),
    ],
)
def test_a_start_that_cannot_be_says_why(
    client: FlaskClient, store: Store, change: dict[str, str], status: int, says: str
) -> None:
    page = client.post("/runs", data=START | change, headers=FORM)
    assert page.status_code == status
    assert says in text(page)
    assert store.runs().total == 0


def test_a_start_leads_to_the_run(client: FlaskClient, store: Store) -> None:
    answer = client.post("/runs", data=START, headers=FORM)
    assert answer.status_code == 303
    (row,) = store.runs().rows
    assert answer.headers["Location"] == f"/runs/{row.id}"
    assert (row.program, row.mode, row.seed, row.schedule) == ("broken", "random", 7, "il1:")
    page = client.get(f"/runs/{row.id}")
    assert "It waits for a worker." in page.text
    assert attribute(page, "room", "hx-trigger") == "every 350ms"


@pytest.mark.parametrize(
    ("asked", "follows"),
    [({"schedule": ""}, True), ({"schedule": "il1:"}, False), ({"schedule": "", "mode": "random"}, False)],
)
def test_a_schedule_left_empty_is_the_shipped_one_of_the_stack(
    client: FlaskClient, store: Store, asked: dict[str, str], follows: bool
) -> None:
    wanted = {"incident": "commit_unknown", "program": "broken", "stack": "sqlalchemy-2.1", "mode": "step"}
    page = client.get("/incidents/commit_unknown", query_string=wanted)
    assert attribute(page, "form-schedule", "value") == ""
    client.post("/runs", data=wanted | asked, headers=FORM)
    (row,) = store.runs().rows
    assert row.schedule == ("il1:15=t" if follows else "il1:")


def test_a_missing_stack_is_installed_first(client: FlaskClient, store: Store) -> None:
    wanted = START | {"stack": "sqlalchemy-1.4.42", "mode": "step"}
    answer = client.post("/runs", data=wanted, headers=FORM)
    assert answer.status_code == 303
    assert store.runs().total == 0
    page = client.get(answer.headers["Location"].partition("#")[0])
    assert "Installed first, to run then: One session, three tasks ▸ broken." in page.text
    assert 'hx-get="/stacks/sqlalchemy-1.4.42/live?rev=' in page.text
    refused = client.post("/runs", data=wanted, headers=JSON)
    assert refused.status_code == 409
    assert refused.get_json()["error"] == "The stack sqlalchemy-1.4.42 is not installed."
