"""Requests that arrive from outside: a web application runs as under its server, and every arrival is a choice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.catalogue import incidents
from dashboard.findings import why
from interlock import journal
from interlock.frame import Step
from interlock.job import Request
from interlock.supervisor import Runner
from tests.claims import assert_true
from tests.lab.conftest import Play
from tests.lab.conftest import Played
from tests.prove import prove

STACKS = ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"]
ANN = Request("ann", "POST", "/deposit/1?twice=yes", {"X-User": "ann"}, "10")
BEN = Request("ben", "POST", "/deposit/1", {"X-User": "ben"}, "5")
SLOW = Request("slow", "GET", "/slow")
BOOM = Request("boom", "GET", "/boom")
CATALOGUE = incidents.load([Path(__file__).parents[2] / "scenarios"])
ORIGIN = CATALOGUE.incident("request_session")
BROKEN = [
    (incident, program, stack)
    for incident in CATALOGUE.incidents
    for program in incident.programs
    for stack, expected in program.expectations.items()
    if program.requests and expected.outcome == "error"
]


def serve(play: Play, stack: str = "sqlalchemy-2.1", *requests: Request, **asked: Any) -> Played:
    return play("shop", stack, requests=requests, **asked)


def step_of(played: Played, text: str) -> int:
    return next(step.number for step in played.steps if any(text in event.text for event in step.events))


@pytest.mark.parametrize("stack", STACKS)
def test_requests_come_one_after_the_other_and_are_answered(play: Play, stack: str) -> None:
    played = serve(play, stack, ANN, BEN)
    assert played.end.outcome == "ok", played.end.summary
    assert played.task("ann").value == "200 OK, 15 bytes"
    assert '{"balance":120}' in " ".join(played.said("response"))
    assert played.said("stdout") == ["started", "deposited by ann", "deposited by ben", "stopped"]
    assert step_of(played, "started") < step_of(played, "/deposit/1?twice=yes arrived")
    assert step_of(played, "deposited by ann") <= step_of(played, "POST /deposit/1 arrived")
    ours = {task.id for task in played.end.tasks if task.name == "ann"}
    assert {event.task for event in played.events if event.kind in ("request", "response")} > ours


@pytest.mark.parametrize("stack", STACKS)
def test_an_arrival_is_a_choice_and_a_replay_the_same_run(play: Play, stack: str) -> None:
    usual = serve(play, stack, ANN, BEN)
    arrival = next(step for step in usual.steps if step.choice and step.choice.token == "r1")
    before = usual.steps[arrival.number - 1].frame.choices
    assert [(one.token, one.default) for one in before if one.kind == "request"] == [("r1", True), ("r2", False)]
    assert before[0].text == "let the request “ann” arrive: POST /deposit/1?twice=yes"
    schedule = f"il1:{arrival.number}=r2,{arrival.number + 1}=r1"
    both = serve(play, stack, ANN, BEN, schedule=schedule)
    assert both.end.schedule == schedule
    assert any(
        {task.name for task in step.frame.tasks if task.state == "waiting"} >= {"ann", "ben"} for step in both.steps
    )
    for _ in range(3):
        again = serve(play, stack, ANN, BEN, schedule=schedule)
        assert journal.first_difference(both.messages, again.messages) is None


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("seed", range(3))
def test_chance_lets_requests_overlap_and_can_be_replayed(play: Play, stack: str, seed: int) -> None:
    by_chance = serve(play, stack, ANN, BEN, SLOW, mode="random", seed=seed)
    assert by_chance.end.outcome == "ok", by_chance.end.summary
    again = serve(play, stack, ANN, BEN, SLOW, schedule=by_chance.end.schedule)
    assert journal.first_difference(by_chance.messages[1:], again.messages[1:]) is None


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_application_raised_is_what_its_task_raised(play: Play, stack: str) -> None:
    played = serve(play, stack, BOOM, Request("refused", "GET", "/refused"))
    raised = [f"{error.type}: {error.message}" for error in played.task("boom").errors]
    assert raised == ["ValueError: boom", "KeyError: 'first'"]  # though AnyIO puts it into groups
    assert any("/boom was answered, 500 Internal Server Error" in text for text in played.said("response"))
    assert played.task("refused").value.startswith("418 I'm a Teapot")
    assert played.end.outcome == "error"
    assert not any(place.file.endswith("clients.py") for error in played.task("boom").errors for place in error.stack)


@pytest.mark.parametrize("stack", STACKS)
def test_a_client_may_leave_in_the_middle_of_its_answer(play: Play, stack: str) -> None:
    usual = serve(play, stack, SLOW)
    assert usual.task("slow").value == "200 OK, 6 bytes"
    leaving = step_of(usual, "a part of the answer to GET /slow was sent: 0") + 1
    left = serve(play, stack, SLOW, schedule=f"il1:{leaving}=q:r1")
    assert left.said("fault") == ["the client of GET /slow left"]
    assert left.task("slow").value == "200 OK, 2 bytes, then the client left"
    assert not any("sent: 1" in text for text in left.said("response"))
    again = serve(play, stack, SLOW, schedule=f"il1:{leaving}=q:r1")
    assert journal.first_difference(left.messages, again.messages) is None


def test_a_request_can_be_cancelled_and_the_others_are_answered(play: Play) -> None:
    usual = serve(play, "sqlalchemy-2.1", SLOW, ANN)
    arrival = step_of(usual, "GET /slow arrived")
    task = usual.task("slow").id
    played = serve(play, "sqlalchemy-2.1", SLOW, ANN, schedule=f"il1:{arrival + 1}=x:{task}")
    assert played.task("slow").outcome == "cancelled"
    assert played.task("ann").value == "200 OK, 15 bytes"
    assert played.said("stdout")[-1] == "stopped"


def test_a_person_lets_requests_arrive(play: Play) -> None:
    async def drive(runner: Runner, message: Any) -> None:
        if isinstance(message, Step) and message.frame.choices:
            last = [one.token for one in message.frame.choices if one.kind == "request"][-1:]
            await runner.advance(*last)

    played = serve(play, "sqlalchemy-2.1", ANN, BEN, mode="step", drive=drive)
    assert played.end.outcome == "ok"
    assert "=r2," in played.end.schedule


def test_on_the_plain_network_all_come_at_once(play: Play) -> None:
    played = serve(play, "sqlalchemy-2.1", ANN, BEN, mode="natural")
    assert played.end.outcome == "ok", played.end.summary
    assert step_of(played, "twice=yes arrived") == step_of(played, "POST /deposit/1 arrived")


def test_what_an_application_leaves_running_is_cancelled_by_its_server(play: Play, tmp_path: Path) -> None:
    """It never called asyncio.run(): that is how the server runs it."""
    program = tmp_path / "leaves.py"
    program.write_text(
        "import asyncio\nfrom fastapi import FastAPI\napp, left = FastAPI(), []\n"
        "async def poll():\n    await asyncio.Event().wait()\n"
        "@app.get('/slow')\nasync def slow():\n    left.append(asyncio.create_task(poll(), name='poll'))\n"
    )
    played = play(program, requests=(SLOW,))
    assert played.task("poll").cancelled.startswith("by the server, ")


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_framework_puts_into_a_thread_is_waited_for(play: Play, stack: str) -> None:
    played = serve(play, stack, Request("thread", "GET", "/thread"), BEN)
    assert played.task("thread").value == "200 OK, 23 bytes"
    assert step_of(played, "/thread was answered") < step_of(played, "/deposit/1 arrived")


def test_a_thread_is_waited_for_on_the_plain_network_too(play: Play) -> None:
    played = serve(play, "sqlalchemy-2.1", Request("thread", "GET", "/thread"), mode="natural")
    assert (played.end.outcome, played.task("thread").value) == ("ok", "200 OK, 23 bytes")


def test_a_program_without_an_application_is_told_so(play: Play) -> None:
    end = play("lost_update", requests=(BOOM,)).end
    assert end.outcome == "invalid"
    assert "no ASGI application called app" in end.detail


@pytest.mark.parametrize("text", ["refuses", "ignores"])
def test_an_application_may_refuse_to_start_or_know_nothing_of_it(play: Play, tmp_path: Path, text: str) -> None:
    start = "raise OSError('no disk')" if text == "refuses" else "return"
    program = tmp_path / "tiny.py"
    program.write_text(
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        await receive()\n"
        + (
            "        await send({'type': 'lifespan.startup.failed', 'message': 'no disk'})\n"
            if text == "refuses"
            else ""
        )
        + f"        {start}\n"
        "    await send({'type': 'http.response.start', 'status': 204, 'headers': []})\n"
        "    await send({'type': 'http.response.body'})\n"
    )
    played = play(program, requests=(BOOM,))
    if text == "refuses":
        assert played.end.outcome == "error"
        assert played.task("server").errors[0].message == "no disk"
        assert not played.said("request")
    else:
        assert played.task("boom").value == "204 No Content, 0 bytes"


@pytest.mark.parametrize(("incident", "program", "stack"), BROKEN, ids=lambda one: getattr(one, "name", one))
def test_a_broken_application_has_a_proof_and_every_clause_is_true(
    incident: incidents.Incident, program: incidents.Program, stack: str, play: Play
) -> None:
    for how in ({}, {"mode": "random", "seed": 1}):
        played = play(program.path, stack, requests=program.requests, **how)
        proof = why.of_journal(played.messages)
        assert_true(proof, played.messages)
        assert proof or how


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("program", ["broken_stream", "session_per_task"])
def test_twenty_replays_in_fresh_interpreters_are_identical(
    program: str, stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    assert ORIGIN is not None
    proof = asyncio.run(prove(stack_python(stack), lab_url, ORIGIN, program, stack, 20))
    assert proof.holds, proof.difference
    assert proof.digests.total() == 20
