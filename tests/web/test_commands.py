"""What is asked of a live run."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import JSON
from tests.web.given import answer_commands
from tests.web.given import ended_run
from tests.web.given import text
from tests.web.given import waiting_run


def test_a_choice_is_carried_out_and_answered_with_the_new_picture(client: FlaskClient, store: Store) -> None:
    run_id = waiting_run(store)
    worker = answer_commands(
        store, run_id, lambda ids: store.add_step(run_id, sample.STEPS[1], status="waiting", done=ids)
    )
    answer = client.post(f"/runs/{run_id}/commands", data={"kind": "advance", "token": "c1", "at": "0"}, headers=HX)
    worker.join()
    assert answer.headers["HX-Push-Url"] == f"/runs/{run_id}?step=1"
    assert "step 1 of 1" in text(answer)


@pytest.mark.parametrize(("headers", "status"), [(HX, 200), (FORM, 409), (JSON, 409)])
def test_a_refused_command_says_why(client: FlaskClient, store: Store, headers: dict[str, str], status: int) -> None:
    run_id = waiting_run(store)
    why = "The run has moved on to step 1 since you saw step 0."
    worker = answer_commands(store, run_id, lambda ids: [store.settle(one, why) for one in ids])
    answer = client.post(f"/runs/{run_id}/commands", data={"kind": "advance", "at": "0"}, headers=headers)
    worker.join()
    assert answer.status_code == status
    assert why in answer.text


def test_nothing_can_be_asked_of_a_run_that_is_over(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    answer = client.post(f"/runs/{run_id}/commands", data={"kind": "advance"}, headers=HX)
    assert "The run is over." in answer.text
    assert client.post(f"/runs/{run_id}/commands", data={"kind": "fly"}, headers=HX).status_code == 400
    assert client.post("/runs/77/commands", data={"kind": "stop"}, headers=HX).status_code == 404
