"""The page of a run and its fragments, over a real store with a made-up run in it."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.dom import minidom

import pytest
from flask.testing import FlaskClient

from dashboard.gallery import crowd
from dashboard.gallery import sample
from dashboard.store import Store
from interlock import delta
from interlock import journal
from interlock.frame import Choice
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Step
from tests.web.given import HX
from tests.web.given import WORKER
from tests.web.given import attribute
from tests.web.given import ended_run
from tests.web.given import heard
from tests.web.given import text
from tests.web.given import waiting_run


def test_requests_are_choices_and_a_client_may_leave(client: FlaskClient, store: Store) -> None:
    run_id = waiting_run(store)
    choices = (
        Choice("r1", "request", "let the request “ann” arrive: GET /users/1", default=True),
        Choice("r2", "request", "let the request “ben” arrive: GET /users/2"),
        Choice("q:r3", "disconnect", "let the client of “cleo” leave before it has its answer", offered=False),
    )
    event = Event("request", "the request GET /users/3 arrived", "t2")
    frame = replace(sample.STEPS[1].frame, choices=choices)
    store.add_step(run_id, Step(1, frame, Choice("r3", "request", ""), events=(event,)), status="waiting")
    page = client.get(f"/runs/{run_id}?step=1")
    assert "1 let the request “ann” arrive: GET /users/1 default 2 let the request “ben” arrive" in text(page)
    assert "let the process die, let a client leave · let the client of “cleo” leave" in text(page)
    assert re.search(r"⇒ .{0,30}the request GET /users/3 arrived", text(page))
    assert '<button class="choice live" id="choice-r2"' in page.text
    assert '<button class="choice live" id="choice-q-r3"' in page.text


def test_a_recorded_step_is_the_same_for_everyone(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=1")
    shown = text(page)
    assert "step 1 of 2" in shown
    assert "⊘ blocked by 4212 was: reply held" in shown
    assert "◆ reply held SELECT was: sent" in shown
    assert "Lock/transactionid" in shown
    assert "chosen" in shown  # what this run went on with
    assert 'class="choice live"' not in page.text  # nobody can choose any more
    assert attribute(page, "room", "data-url") == f"/runs/{run_id}?step=1"
    assert attribute(page, "room", "hx-trigger") is None
    fragment = client.get(f"/runs/{run_id}/live?step=1", headers=HX)
    assert fragment.text.partition("<div")[2].strip() in page.text


def test_the_failure_is_told_with_its_chain_and_how_to_have_it_again(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=2")
    shown = text(page)
    assert "“second” raised InvalidRequestError" in shown
    assert shown.index("AttributeError : 'NoneType' object has no attribute 'twophase'") < shown.index(
        "what was raised in the end"
    )
    assert "3 calls inside sqlalchemy" in shown
    assert "⚠ 1 orphan" in shown
    assert "⚠ began it" in shown
    assert "✕ broken a task that reported success has its row task = third, rows = 0" in shown
    command = "interlock run shared_session/broken --stack sqlalchemy-1.4.42 --schedule il1:7=c3,12=t"
    assert attribute(page, "copy-command", "data-copy") == command
    assert 'class="marker error now" title="second">✕second' in page.text


def test_what_a_program_writes_breaks_no_view_and_deceives_nobody(client: FlaskClient, store: Store) -> None:
    odd = "nul \x00 esc \x1b[31m back\b return\r turned \u202e txet, " + "x" * 100_000
    task = replace(sample.STEPS[0].frame.tasks[0], name="odd \x1b\x00\u202e")
    step = sample.STEPS[0]
    frame = replace(step.frame, tasks=(task, *step.frame.tasks[1:]))
    step = replace(step, frame=frame, events=(*step.events, Event("stdout", odd, task=task.id)))
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, replace(sample.HEADER, sources={"broken.py": "# \u202e\x1b\n" + "y = 1  # long" * 5000}))
    store.add_steps(run_id, [step, *sample.STEPS[1:]])
    store.finish(run_id, sample.END, True)
    for view in ("?step=0", "?step=0&view=timeline", "/offline.html", "/summary.md", "/timeline.svg?step=0"):
        shown = client.get(f"/runs/{run_id}{view}")
        assert shown.status_code == 200
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", shown.text), view
    page = client.get(f"/runs/{run_id}?step=0").text
    assert r"esc \x1b[31m back\x08 return\r turned \u202e txet" in page
    assert r"odd \x1b\x00\u202e" in page
    for drawing in ("timeline.svg", "matrix.svg"):
        minidom.parseString(client.get(f"/runs/{run_id}/{drawing}?step=0").text)


def test_moving_through_recorded_steps_is_a_get_that_names_the_step_in_the_address(
    client: FlaskClient, store: Store
) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=1")
    assert attribute(page, "next", "href") == f"/runs/{run_id}?step=2"
    assert attribute(page, "back", "hx-get") == f"/runs/{run_id}/live?step=0"
    fragment = client.get(f"/runs/{run_id}/live?step=2", headers=HX)
    assert fragment.headers["HX-Push-Url"] == f"/runs/{run_id}?step=2"
    assert attribute(fragment, "next", "aria-disabled") == "true"
    assert attribute(fragment, "next", "href") is None


def test_a_waiting_run_offers_its_choices_and_follows(client: FlaskClient, store: Store) -> None:
    run_id = waiting_run(store, 2)
    page = client.get(f"/runs/{run_id}")
    shown = text(page)
    assert "1 deliver the reply to SELECT on 4212 (c2) → wakes “second” default" in shown
    assert "What if… 3 faults" in shown
    assert attribute(page, "room", "hx-get") == f"/runs/{run_id}/live?rev={store.rev(run_id)}"
    assert attribute(page, "choice-c3", "aria-keyshortcuts") == "2"
    pinned = client.get(f"/runs/{run_id}?step=0")
    assert str(attribute(pinned, "room", "hx-get")).endswith("&step=0")
    assert "What could happen next" in text(pinned)


def test_a_poll_is_answered_only_when_there_is_something_new(client: FlaskClient, store: Store) -> None:
    run_id = waiting_run(store)
    url = f"/runs/{run_id}/live?rev={store.rev(run_id)}"
    quiet = client.get(url, headers=HX)
    assert quiet.status_code == 204
    assert len(str(quiet.headers)) < 200
    store.add_step(run_id, sample.STEPS[1], status="waiting")
    heard(store, run_id)
    following = client.get(url, headers=HX)
    assert following.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=1"
    assert attribute(following, "room", "hx-get") == f"/runs/{run_id}/live?rev={store.rev(run_id)}"
    staying = client.get(f"{url}&step=0", headers=HX)
    assert staying.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=0"
    store.finish(run_id, sample.END, True)
    heard(store, run_id)
    assert attribute(client.get(url, headers=HX), "room", "hx-trigger") is None


def test_polling_a_run_that_is_gone_ends(client: FlaskClient) -> None:
    answer = client.get("/runs/77/live?rev=3", headers=HX)
    assert answer.status_code == 200
    assert "There is no run 77." in answer.text
    assert "hx-trigger" not in answer.text


def test_a_step_that_is_not_there_is_said(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    assert "Its steps go from 0 to 2." in client.get(f"/runs/{run_id}?step=3").text
    assert client.get(f"/runs/{run_id}?step=3").status_code == 404
    assert client.get(f"/runs/{run_id}?step=-1").status_code == 400
    assert client.get(f"/runs/{run_id}?step={10**30}").status_code == 400
    assert client.get(f"/runs/{run_id}?step=latest").status_code == 200


def crowded_run(store: Store, steps: int = 130) -> int:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, sample.HEADER)
    faults = tuple(Choice(f"x:t{one}", "cancel", f"cancel task {one}", offered=False) for one in range(1, 301))
    told = [crowd.step(number) for number in range(steps)]
    told = [replace(step, frame=replace(step.frame, choices=faults)) for step in told]
    store.add_steps(run_id, told, status="waiting")
    return run_id


def test_the_page_of_a_crowd_shows_a_part_and_says_so(client: FlaskClient, store: Store) -> None:
    run_id = crowded_run(store)
    some = client.get(f"/runs/{run_id}?step=129")
    assert "276 quieter tasks and 44 quieter connections hidden" in text(some)
    assert attribute(some, "matrix-every", "href") == f"/runs/{run_id}?step=129&view=all"
    assert len(some.data) < 250_000
    every = client.get(f"/runs/{run_id}?step=129&view=all")
    assert "quieter" not in text(every)
    assert every.text.count('<tr id="row-') == 300
    assert attribute(every, "matrix-every", "href") == f"/runs/{run_id}?step=129"
    assert attribute(every, "view-timeline", "href") == f"/runs/{run_id}?step=129&view=timeline-all"
    assert max(len(every.data), len(client.get(f"/runs/{run_id}?step=129&view=timeline-all").data)) < 1_000_000


def test_a_fault_of_very_many_is_picked_by_its_name(client: FlaskClient, store: Store) -> None:
    page = client.get(f"/runs/{crowded_run(store, 3)}")
    assert page.text.count('<option value="x:t') == 300
    assert 'name="kind" value="advance"' in page.text[page.text.index('class="pick"') :]


def test_many_who_follow_a_run_are_answered_with_one_picture(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = waiting_run(store)
    seen = store.rev(run_id)
    store.add_step(run_id, sample.STEPS[1], status="waiting")
    heard(store, run_id)
    first = client.get(f"/runs/{run_id}/live?rev={seen}", headers=HX)
    monkeypatch.setattr(store, "steps", None)
    again = client.get(f"/runs/{run_id}/live?rev={seen - 1}", headers=HX)
    assert (again.data, again.headers["HX-Replace-Url"]) == (first.data, first.headers["HX-Replace-Url"])


def test_the_journal_can_be_taken_away(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    answer = client.get(f"/runs/{run_id}/journal.jsonl")
    assert "attachment" in answer.headers["Content-Disposition"]
    reader = delta.Reader()
    messages = [reader.load(line) for line in answer.text.splitlines()]
    assert messages == [sample.HEADER, *sample.STEPS, sample.END]


def test_what_a_program_says_is_never_markup(client: FlaskClient, store: Store) -> None:
    evil = "<script>alert(1)</script>"
    header = journal.from_data(type(sample.HEADER), journal.to_data(sample.HEADER) | {"sources": {"broken.py": evil}})
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    store.claim(run_id, WORKER)
    store.set_header(run_id, header)
    page = client.get(f"/runs/{run_id}")
    assert evil not in page.text
    assert "alert" in page.text


def test_a_task_is_shown_with_its_whole_stack(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}/tasks/t3?step=2")
    assert "<html" in page.text
    assert "it began here" in text(page)
    fragment = client.get(f"/runs/{run_id}/tasks/t2?step=1", headers=HX)
    assert "<html" not in fragment.text
    assert "outermost call first" in text(fragment)  # the stack was written down a step earlier
    assert "find_user" in text(fragment)
    assert client.get(f"/runs/{run_id}/tasks/t9?step=1").status_code == 404


def test_a_run_that_ended_before_its_first_step_says_on_top_why(client: FlaskClient, store: Store) -> None:
    run_id = store.create_run("shared_session", "session_per_task", "sqlalchemy-1.4.42", "replay")
    assert store.claim(run_id, WORKER)
    refused = 'The incident’s set-up (schema.sql) failed: syntax error at or near "insrt" (SQLSTATE 42601)'
    end = End(outcome="invalid", summary=refused, schedule="il1:", signature="00000000", steps=0, detail=refused)
    store.finish(run_id, end, False)
    page = text(client.get(f"/runs/{run_id}"))
    assert f"no step ✕ {refused}. This run ended before its first step." in page
    assert "This program is a fix" not in page
