"""What is taken away from a run: the summary for a post-mortem, the line for a chat."""

from __future__ import annotations

import re
from dataclasses import replace

from flask.testing import FlaskClient

from dashboard.gallery import sample
from dashboard.presenters import summary
from dashboard.store import Store
from interlock.frame import Choice
from interlock.frame import Event
from interlock.frame import TaskOutcome
from interlock.frame import TaskView
from tests.web.given import WORKER
from tests.web.given import attribute
from tests.web.given import ended_run
from tests.web.given import waiting_run


def test_the_summary_tells_what_ran_what_came_of_it_why_and_how_to_have_it_again(
    client: FlaskClient, store: Store
) -> None:
    run_id = ended_run(store)
    answer = client.get(f"/runs/{run_id}/summary.md")
    assert answer.mimetype == "text/markdown"
    text = answer.text
    assert text.startswith("# One session, three tasks: broken on sqlalchemy-1.4.42\n")
    assert "**error**: 2 tasks returned; 1 raised AttributeError" in text
    assert f"<http://localhost/runs/{run_id}>" in text
    assert "sqlalchemy 1.4.42" in text
    assert "this is what the incident declares" in text
    assert "- **second** raised `InvalidRequestError: This session is in 'inactive'" in text
    assert "it began with `AttributeError: 'NoneType' object has no attribute 'twophase'`" in text
    assert "- **broken**: a task that reported success has its row: `task = third, rows = 0`" in text
    broken = "broken: “a task that reported success has its row”"
    assert re.search(rf"## Why\n\n“.+, so “second” failed; {broken}\.\n\n- \[step ", text)
    assert "transaction ended while this task was getting a connection" in text
    assert f"[step 2](http://localhost/runs/{run_id}?step=2)" in text
    assert "interlock run shared_session/broken --stack sqlalchemy-1.4.42 --schedule il1:7=c3,12=t" in text


def test_a_summary_of_an_open_run_says_so(client: FlaskClient, store: Store) -> None:
    text = client.get(f"/runs/{waiting_run(store, 2)}/summary.md").text
    assert "**waits for you**: the run is not over" in text
    assert client.get("/runs/77/summary.md").status_code == 404


def test_what_a_program_says_is_no_markup_in_a_summary_and_secrets_are_struck_out(
    client: FlaskClient, store: Store
) -> None:
    evil = TaskOutcome("t1", "[x](http://evil) <b>", "value", "``` postgresql://ann:sesame@host/db `")
    text = client.get(f"/runs/{ended_run(store, replace(sample.END, tasks=(evil,)))}/summary.md").text
    assert r"**\[x\](http://evil) \<b\>** returned" in text
    assert "```` ``` postgresql://ann:***@host/db ` ````" in text


def test_only_steps_that_matter_are_told_and_not_too_many(store: Store) -> None:
    chosen = Choice("t", "timer", "let 1.0 s pass")
    steps = [replace(sample.STEPS[0], number=number, choice=chosen) for number in range(1, 31)]
    told = summary.moments([sample.STEPS[0], *steps])
    assert [one.number for one in told] == list(range(1, 31))
    text = summary.markdown(sample.RUN, told, incident_title="x", explanation=None, proof=(), url="http://h/runs/42")
    assert "… 10 earlier steps left out" in text
    assert "[step 10]" not in text
    assert "[step 30]" in text


def test_the_line_for_a_chat_leads_to_the_step_that_is_shown(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    line = attribute(client.get(f"/runs/{run_id}?step=1"), "copy-chat", "data-copy")
    assert line
    assert line.startswith(f"Interlock run {run_id}: shared_session/broken on sqlalchemy-1.4.42: error, 2 tasks")
    assert line.endswith(f" http://localhost/runs/{run_id}?step=1")
    assert "\n" not in line


def test_the_statements_stand_in_their_order_and_say_what_is_missing(client: FlaskClient, store: Store) -> None:
    def sent(command: str, statement: str, task: str = "t1", connection: str = "c1") -> Event:
        return Event("sent", f"{command} on {connection}: {statement}", task, connection)

    run_id = waiting_run(store, 0)
    first = (
        sent("start-up", "start-up"),
        sent("BEGIN", "BEGIN"),
        sent("prepare UPDATE", "UPDATE account SET balance = $1"),
        sent("UPDATE", "UPDATE account SET balance = $1"),
        sent("SELECT", "SELECT 'postgresql://ann:sesame@host/db'", "t2", "c2"),
    )
    second = (
        sent("SELECT", "SELECT 1 -- one FROM account"),
        sent("INSERT", "INSERT INTO t VALUES (1, 2…"),
        sent("sync", "sync"),
        Event("stdout", "SELECT on c1: SELECT 2", "t1"),
        Event("closed", "c1 was closed by the program", "t1", "c1"),
    )
    store.add_steps(run_id, [replace(sample.STEPS[1], number=0, events=first), replace(sample.STEPS[1], events=second)])
    answer = client.get(f"/runs/{run_id}/statements.sql")
    assert answer.mimetype == "text/plain"
    assert "Values of parameters are not recorded" in answer.text
    body = answer.text.partition("the other connection.\n")[2]
    c1, c2 = "c1, server process 4211", "c2, server process 4212"
    assert body.splitlines() == [
        "",
        f"-- step 0, {c1}, “main”",
        "BEGIN;",
        f"-- step 0, {c1}, “main”",
        "UPDATE account SET balance = $1;",
        "",
        f"-- step 0, {c2}, “first”",
        "SELECT 'postgresql://ann:***@host/db';",
        "",
        f"-- step 1, {c1}, “main”",
        "-- its line breaks are not recorded: what follows a -- in it may have been more than a comment",
        "SELECT 1 -- one FROM account;",
        f"-- step 1, {c1}, “main”",
        "-- only its beginning is recorded: INSERT INTO t VALUES (1, 2…",
        f"-- step 1: {c1} was closed",
    ]


def test_nothing_of_a_program_leaves_the_comments_of_the_statements(client: FlaskClient, store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step", title="x\nDROP TABLE account;")
    store.claim(run_id, WORKER)
    sent = Event("sent", "BEGIN on c1: BEGIN", "t1", "c1")
    tasks = (TaskView("t1", "evil\nDROP TABLE account;", "waiting"),)
    frame = replace(sample.STEPS[0].frame, tasks=tasks)
    store.add_steps(run_id, [replace(sample.STEPS[0], frame=frame, events=(sent,))])
    lines = client.get(f"/runs/{run_id}/statements.sql").text.splitlines()
    assert [line for line in lines if line and not line.startswith("-- ")] == ["BEGIN;"]
