"""The pages and their fragments, over a real store with a made-up run in it."""

from __future__ import annotations

import html
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.dom import minidom

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard import app
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.presenters import crowd
from dashboard.presenters import sample
from dashboard.store import Store
from interlock import delta
from interlock import journal
from interlock.frame import Choice
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Step

WORKER = 4711
HX = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
FORM = {"Sec-Fetch-Site": "same-origin"}
JSON = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}


def waiting_run(store: Store, steps: int = 1) -> int:
    """A live run in step mode that waits for a person after so many steps."""
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, sample.HEADER)
    for step in sample.STEPS[:steps]:
        store.add_step(run_id, step, status="waiting")
    return run_id


def ended_run(store: Store, end: End = sample.END) -> int:
    run_id = waiting_run(store, steps=3)
    store.finish(run_id, end, True)
    return run_id


def text(answer: TestResponse) -> str:
    """What a reader sees of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def attribute(answer: TestResponse, element: str, name: str) -> str | None:
    """An attribute of the element with this id."""
    found = re.search(rf'<[^>]*\bid="{element}"[^>]*>', answer.text)
    assert found, f"no #{element}"
    value = re.search(rf'\s{name}="([^"]*)"', found.group())
    return value and value.group(1).replace("&amp;", "&")


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


# Home, incidents, the list


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


# Starting a run


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


# The run page


def test_a_recorded_step_is_the_same_for_everyone(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    page = client.get(f"/runs/{run_id}?step=1")
    shown = text(page)
    assert "step 1 of 2" in shown
    assert "⊘ blocked by 4212 before: reply held" in shown
    assert "◆ reply held SELECT before: sent" in shown
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
    following = client.get(url, headers=HX)
    assert following.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=1"
    assert attribute(following, "room", "hx-get") == f"/runs/{run_id}/live?rev={store.rev(run_id)}"
    staying = client.get(f"{url}&step=0", headers=HX)
    assert staying.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=0"
    store.finish(run_id, sample.END, True)
    store.wait_until(("", ""), 10, lambda: store.announced_rev(run_id), lambda rev: rev == store.rev(run_id))
    assert attribute(client.get(url, headers=HX), "room", "hx-trigger") is None


def test_polling_a_run_that_is_gone_ends(client: FlaskClient) -> None:
    answer = client.get("/runs/77/live?rev=3", headers=HX)
    assert answer.status_code == 200
    assert "There is no run 77." in answer.text
    assert "hx-trigger" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/runs/77", 404), ("/runs/77/live", 404), ("/runs/x", 404), ("/runs/77/journal.jsonl", 404)],
)
def test_what_is_not_there_is_said(client: FlaskClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


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
    store.wait_until(("", ""), 10, lambda: store.announced_rev(run_id), lambda rev: rev == store.rev(run_id))
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


# Commands


def answer_commands(store: Store, run_id: int, act: Callable[[list[int]], object]) -> threading.Thread:
    """A worker that answers the next command."""

    def wait_and_act() -> None:
        deadline = time.monotonic() + 5
        while not (commands := store.open_commands(run_id)) and time.monotonic() < deadline:
            time.sleep(0.01)
        act([one.id for one in commands])

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


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


# Stacks


def test_a_stack_is_installed_with_its_progress_shown(client: FlaskClient, store: Store) -> None:
    assert "not installed" in client.get("/stacks").text
    answer = client.post("/stacks/sqlalchemy-2.0/install", headers=HX)
    assert 'hx-trigger="every 1s"' in answer.text
    assert client.post("/stacks/sqlalchemy-2.0/install", headers=FORM).status_code == 303
    store.set_stack("sqlalchemy-2.0", "installing", log="")
    store.append_stack_log("sqlalchemy-2.0", "Collecting asyncpg\n", "fetching libraries, 2 of about 10")
    row = store.stack("sqlalchemy-2.0")
    assert row
    url = f"/stacks/sqlalchemy-2.0/live?rev={row.rev}"
    assert client.get(url, headers=HX).status_code == 204
    assert "fetching libraries, 2 of about 10" in client.get("/stacks").text
    store.set_stack("sqlalchemy-2.0", "failed", error="no C compiler; apt-get install gcc")
    failed = client.get(url, headers=HX)
    assert "no C compiler" in failed.text
    assert "Try again" in failed.text
    assert "hx-trigger" not in failed.text


def test_an_unknown_stack_names_those_there_are(client: FlaskClient) -> None:
    answer = client.post("/stacks/none/install", headers=FORM)
    assert answer.status_code == 404
    assert "sqlalchemy-1.4.42" in answer.text


# The gallery


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
