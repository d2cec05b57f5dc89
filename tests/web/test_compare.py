"""Side by side: what is aligned, said and shown of two runs, and how the other one comes to be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.store import Store
from interlock.frame import InvariantOutcome
from interlock.frame import Step
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import JSON
from tests.web.given import WORKER
from tests.web.given import attribute
from tests.web.given import ended_run
from tests.web.given import heard
from tests.web.given import text
from tests.web.given import waiting_run


def test_two_runs_open_where_they_begin_to_differ(client: FlaskClient, store: Store) -> None:
    a, b = ended_run(store), waiting_run(store, 2)
    so_far = text(client.get(f"/compare?a={a}&b={b}&step=0"))
    assert f"They do the same so far; run {b} has come to step 1." in so_far
    assert "not yet" in so_far
    store.finish(b, replace(sample.END, outcome="stopped"), True)
    page = client.get(f"/compare?a={a}&b={b}")
    assert attribute(page, "room", "data-url") == f"/compare?a={a}&b={b}&step=2"
    said = text(page)
    assert f"They differ from step 2 on: run {a}: {sample.STEPS[2].text}; run {b}: it is over." in said
    assert "nothing beside it still after step 1 of 1: this run is over" in said
    # What differs stands there in words: a task, by what it does on either side.
    assert re.search(r"“second” raised InvalidRequestError: This session is in 'inactive'.* waits for ", said)
    assert "≠ differs" in said
    assert "= same" in said
    assert "paired along the longest sequence" in said


def test_nothing_of_one_side_has_the_id_of_the_other(client: FlaskClient, store: Store) -> None:
    page = client.get(f"/compare?a={ended_run(store)}&b={ended_run(store)}&step=1&view=server").text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {"a-matrix-body", "b-matrix-body", "a-activity-body"} <= set(ids)


def test_runs_that_do_the_same_say_so_and_how_they_end(client: FlaskClient, store: Store) -> None:
    silent = replace(sample.END, outcome="silent", signature="00000000")
    a, b, c = ended_run(store), ended_run(store), ended_run(store, silent)
    assert "They do the same in all 3 steps." in text(client.get(f"/compare?a={a}&b={b}"))
    ends = text(client.get(f"/compare?a={a}&b={c}"))
    assert (
        f"all 3 steps, and end differently: run {a} error; run {c} silent failure. In run {c} a rule of the data"
        in ends
    )
    assert "Nothing: tasks, connections and sessions are the same in both." in ends


def test_who_shares_a_session_differs_though_tasks_and_connections_do_the_same(
    client: FlaskClient, store: Store
) -> None:
    def each_its_own(step: Step) -> Step:
        shared = step.frame.sessions[0]
        own = [
            replace(shared, id=f"s{number}", tasks=(task,), connections=shared.connections if number == 1 else ())
            for number, task in enumerate(shared.tasks, 1)
        ]
        return replace(step, frame=replace(step.frame, sessions=tuple(own)))

    a, b = waiting_run(store, 2), waiting_run(store, 0)
    for step in sample.STEPS[:2]:
        store.add_step(b, each_its_own(step), status="waiting")
    differ = text(client.get(f"/compare?a={a}&b={b}&step=1"))
    assert "They do the same" in differ
    assert "session s1 “first”, “second”, “third” inside; holds c1 “first” inside; holds c1" in differ
    assert "session s2 not there “second” inside" in differ


def test_a_failure_that_nobody_is_told_of_has_its_row_and_its_rule(client: FlaskClient, store: Store) -> None:
    rule = InvariantOutcome("nothing is lost", False, "sum = 190")
    silent = replace(sample.END, outcome="silent", signature="00000000", failed_at=1, invariants=(rule,))
    fine = replace(
        silent, outcome="ok", signature="11111111", failed_at=None, invariants=(replace(rule, holds=True, detail=""),)
    )
    a, b = ended_run(store, silent), ended_run(store, fine)
    first = client.get(f"/compare?a={a}&b={b}&step=0")
    assert attribute(first, "failure", "href") == f"/compare?a={a}&b={b}&step=1"
    assert f"To the failure of {a}" in text(first)
    assert "= same ✕ a rule broke" in text(first)
    assert "nothing is lost" not in text(first)
    assert "rule “nothing is lost” broken: sum = 190 holds" in text(client.get(f"/compare?a={a}&b={b}&step=2"))


def test_stepping_keeps_the_address_and_a_poll_costs_nothing_while_nothing_happens(
    client: FlaskClient, store: Store
) -> None:
    a, b = ended_run(store), waiting_run(store, 1)
    step = client.get(f"/compare/live?a={a}&b={b}&step=1&view=server", headers=HX)
    assert step.headers["HX-Push-Url"] == f"/compare?a={a}&b={b}&view=server&step=1"
    poll = attribute(step, "room", "hx-get")
    assert poll
    assert client.get(poll, headers=HX).status_code == 204
    store.add_step(b, sample.STEPS[1], status="waiting")
    heard(store, b)
    again = client.get(poll, headers=HX)
    assert again.headers["HX-Replace-Url"] == f"/compare?a={a}&b={b}&view=server&step=1"
    assert "step 1 of 1" in text(again)
    store.finish(b, sample.END, True)
    assert attribute(client.get(f"/compare?a={a}&b={b}"), "room", "hx-trigger") is None  # both are over


def test_the_presenter_view_is_kept_while_stepping_and_shows_no_secrets(client: FlaskClient, store: Store) -> None:
    a, b = ended_run(store), waiting_run(store, 2)
    page = client.get(f"/compare?a={a}&b={b}&view=server&step=1")
    assert attribute(page, "present", "href") == f"/compare?a={a}&b={b}&view=server&present=1&step=1"
    page = client.get(f"/compare?a={a}&b={b}&view=server&present=1&step=1")
    assert 'class="presenting"' in page.text
    assert attribute(page, "present", "href") == f"/compare?a={a}&b={b}&view=server&step=1"
    assert attribute(page, "view-source", "href") == f"/compare?a={a}&b={b}&present=1&step=1"
    assert attribute(page, "slider", "hx-get") == f"/compare/live?a={a}&b={b}&view=server&present=1"
    assert f'href="/runs/{a}?step=1&amp;present=1"' in page.text
    assert 'id="compare-swap"' not in page.text
    back = attribute(page, "back", "hx-get")
    assert back == f"/compare/live?a={a}&b={b}&view=server&present=1&step=0"
    stepped = client.get(str(back), headers=HX)
    assert stepped.headers["HX-Push-Url"] == f"/compare?a={a}&b={b}&view=server&present=1&step=0"
    store.add_step(b, replace(sample.STEPS[2], text="sent to postgresql://app:hunter2@db/app"), status="waiting")
    polled = client.get(str(attribute(page, "room", "hx-get")), headers=HX)
    assert polled.headers["HX-Replace-Url"] == f"/compare?a={a}&b={b}&view=server&present=1&step=1"

    open_, presented = (client.get(f"/compare?a={a}&b={b}&step=2{more}").text for more in ("", "&present=1"))
    assert "hunter2" in open_
    assert "hunter2" not in presented
    assert "differ from step 2 on" in presented


def test_the_stepper_leads_to_the_difference_and_to_the_failure_of_either(client: FlaskClient, store: Store) -> None:
    a, b = ended_run(store), waiting_run(store, 2)
    page = client.get(f"/compare?a={b}&b={a}&step=0")
    assert attribute(page, "difference", "href") == f"/compare?a={b}&b={a}&step=2"
    assert attribute(page, "failure", "href") == f"/compare?a={b}&b={a}&step=2"
    assert f"To the failure of {a}" in text(page)
    assert attribute(page, "back", "aria-disabled") == "true"
    assert attribute(page, "last", "href") == f"/compare?a={b}&b={a}&step=2"


def test_a_run_without_steps_can_stand_there_too(client: FlaskClient, store: Store) -> None:
    queued = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "follow")
    page = client.get(f"/compare?a={ended_run(store)}&b={queued}")
    assert "It waits for a worker." in text(page)
    assert page.status_code == 200
    assert "Neither has a step yet." in text(client.get(f"/compare?a={queued}&b={queued}"))


@pytest.mark.parametrize("query", ["", "?b=1", "?a=1&b=77", "?a=x&b=1"])
def test_what_cannot_be_compared_says_why(client: FlaskClient, store: Store, query: str) -> None:
    ended_run(store)
    assert client.get(f"/compare{query}").status_code in (400, 404)


def test_a_row_that_is_not_there_names_those_there_are(client: FlaskClient, store: Store) -> None:
    a = ended_run(store)
    answer = client.get(f"/compare?a={a}&b={a}&step=9")
    assert answer.status_code == 404
    assert "from 0 to 2" in answer.text


def test_the_run_to_compare_with_follows_the_same_schedule(client: FlaskClient, store: Store) -> None:
    a = ended_run(store)
    choose = client.get(f"/compare?a={a}")
    assert attribute(client.get(f"/runs/{a}"), "compare", "href") == f"/compare?a={a}"
    assert "with-stack-sqlalchemy-2.1" in choose.text
    assert "with-program-session_per_task" in choose.text
    assert "✓ fix A session for each task" in text(choose)
    asked = {"a": str(a), "program": "broken", "stack": "sqlalchemy-2.1"}
    client.post(f"/runs/{a}/company/name", data={"name": "Ann"}, headers=FORM)
    answer = client.post("/compare", data=asked, headers=FORM)
    assert answer.status_code == 303
    b = int(answer.headers["Location"].rpartition("b=")[2])
    assert answer.headers["Location"] == f"/compare?a={a}&b={b}"
    made = store.run(b)
    assert made
    assert (made.mode, made.schedule, made.stack) == ("follow", sample.END.schedule, "sqlalchemy-2.1")
    assert made.actor == "Ann"
    assert made.title == f"follows the schedule of run {a}"
    missing = client.post("/compare", data={**asked, "stack": "sqlalchemy-1.4.42"}, headers=JSON)
    assert missing.status_code == 409
    assert "not installed" in missing.text


def test_a_natural_run_has_no_schedule_to_follow(client: FlaskClient, store: Store) -> None:
    a = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "natural")
    assert store.claim(a, WORKER)
    assert "so it has no schedule to follow" in text(client.get(f"/compare?a={a}"))
    asked = {"a": str(a), "program": "broken", "stack": "sqlalchemy-2.1"}
    assert client.post("/compare", data=asked, headers=JSON).status_code == 409


def test_where_the_schedule_could_not_be_followed_stands_at_its_side(client: FlaskClient, store: Store) -> None:
    a = ended_run(store)
    why = "At step 7 the schedule asks for c3, which was not possible. Possible were: c1."
    b = ended_run(store, replace(sample.END, parted_at=7, detail=why))
    said = text(client.get(f"/compare?a={a}&b={b}"))
    assert f"from step 7 on the schedule could not be followed : {why}" in said


def test_other_endings_and_the_parent_are_offered(client: FlaskClient, store: Store) -> None:
    a = ended_run(store)
    other = ended_run(store, replace(sample.END, outcome="ok", signature="0000000a", summary="3 tasks returned"))
    child = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step", parent=a, branch=1)
    page = client.get(f"/compare?a={child}")
    assert f"run {a} the run it branched from, after step 1" in text(page)
    assert f"run {other} the same program with another ending: broken on sqlalchemy-1.4.42, ok" in text(page)
