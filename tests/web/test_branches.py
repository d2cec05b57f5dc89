"""Branching from a recorded step: what is asked for, what is written down, what is shown."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import JSON
from tests.web.given import WORKER
from tests.web.given import attribute
from tests.web.given import heard
from tests.web.given import recorded
from tests.web.given import text


def test_every_choice_of_a_recorded_step_can_be_branched_but_the_one_taken(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    page = client.get(f"/runs/{run_id}?step=1")
    assert "branch: deliver the reply to" in text(page)
    assert 'id="branch-c2"' not in page.text or 'id="branch-c3"' not in page.text  # one of them was taken
    assert 'id="branch-x-t' in page.text  # what if
    assert 'class="choice live"' not in page.text


def test_a_branch_is_a_new_run_that_knows_where_it_comes_from(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    answer = client.post(f"/runs/{run_id}/branch", data={"step": "0", "token": "k:c2"}, headers=FORM)
    assert answer.status_code == 400  # not possible there
    tokens = [choice.token for choice in sample.STEPS[1].frame.choices]
    answer = client.post(f"/runs/{run_id}/branch", data={"step": "1", "token": tokens[-1]}, headers=FORM)
    assert answer.status_code == 303
    child = store.run(int(answer.headers["Location"].rsplit("/", 1)[-1]))
    assert child
    assert (child.parent, child.branch, child.follow, child.mode) == (run_id, 1, 2, "step")
    assert child.schedule == f"il1:2={tokens[-1]}"
    assert child.title.startswith("after step 1: ")

    page = client.get(f"/runs/{child.id}")
    assert f"branch of run {run_id}, after step 1" in text(page)
    parent = text(client.get(f"/runs/{run_id}"))
    assert "1 branch " in parent
    assert child.title in parent
    assert [one.id for one in store.family(child.id)] == [run_id, child.id]


def test_a_live_run_can_be_branched_at_an_earlier_step(client: FlaskClient, store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    store.claim(run_id, WORKER)
    store.add_steps(run_id, sample.STEPS[:2], status="waiting")
    assert "branch: " in text(client.get(f"/runs/{run_id}?step=0"))
    assert "branch: " not in text(client.get(f"/runs/{run_id}"))  # there one chooses
    token = sample.STEPS[0].frame.choices[0].token
    assert client.post(f"/runs/{run_id}/branch", data={"step": "0", "token": token}, headers=FORM).status_code == 303


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"mode": "natural"}, "natural run"),
        ({"incident": "gone"}, "not known"),
        ({"stack": "gone"}, "not known"),
        ({"stack": "sqlalchemy-1.4.42"}, "is not installed"),
    ],
)
def test_what_cannot_be_branched_says_why(client: FlaskClient, store: Store, how: dict[str, str], says: str) -> None:
    run_id = recorded(store, **how)
    token = sample.STEPS[1].frame.choices[0].token
    answer = client.post(f"/runs/{run_id}/branch", data={"step": "1", "token": token}, headers=JSON)
    assert answer.status_code == 409
    assert says in answer.text
    assert store.runs().total == 1
    assert client.post(f"/runs/{run_id}/branch", data={"step": "9", "token": token}, headers=JSON).status_code == 404


def test_the_tree_on_an_open_page_follows_branches_that_begin_and_end_elsewhere(
    client: FlaskClient, store: Store
) -> None:
    run_id = recorded(store)
    first = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=run_id, branch=0, title="a")
    assert store.claim(first, WORKER)
    seen, elder = store.rev(run_id), store.rev(first)
    assert client.get(f"/runs/{run_id}/live?rev={seen}").status_code == 204
    second = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=first, branch=0, title="b")
    assert store.claim(second, WORKER)
    for page in (run_id, first):  # the grandparent's page and the parent's
        assert store.rev(page) > (seen if page == run_id else elder)
        assert "● not over run" in text(client.get(f"/runs/{page}/live?rev=0"))
    seen = store.rev(run_id)
    store.add_steps(second, sample.STEPS[:1])
    assert store.rev(run_id) == seen  # of its steps they do not hear
    store.finish(second, sample.END, True)
    assert store.rev(run_id) > seen
    child = store.rev(second)
    store.finish(first, sample.END, True)
    assert store.rev(second) > child
    heard(store, run_id)
    shown = text(client.get(f"/runs/{run_id}/live?rev={seen}"))
    assert "not over" not in shown


def test_a_deleted_parent_leaves_its_branches(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    child = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", parent=run_id, branch=1, title="x")
    with store.transaction() as tx:
        tx.exec_driver_sql(f"delete from run where id = {run_id}")
    assert client.get(f"/runs/{child}").status_code == 200
    assert attribute(client.get(f"/runs/{child}"), "room", "data-url") == f"/runs/{child}"
