"""`interlock replay`: a journal, replayed and compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboard.catalogue import incidents
from dashboard.cli import replay as replay_command
from dashboard.cli.run import UsageError
from dashboard.config import Settings
from dashboard.gallery import sample
from interlock.delta import Writer
from interlock.frame import Step
from interlock.journal import JournalError
from interlock.journal import dump
from tests.lab.conftest import Play


def play_journal(play: Play, settings: Settings, **how: Any) -> list[Any]:
    incident = incidents.load(settings.scenario_dirs).incident("shared_session")
    assert incident
    return play(
        incident.folder / "session_per_task.py", invariants=incident.invariants, setup=incident.setup, **how
    ).messages


PARTED = {"mode": "follow", "schedule": "il1:2=c9"}


@pytest.mark.parametrize(
    "how", [{"mode": "random", "seed": 7}, {"schedule": "il1:2=c9"}, PARTED], ids=("random", "diverged", "parted")
)
def test_a_journal_is_the_same_here_or_its_first_difference_is_named(
    play: Play, settings: Settings, how: dict[str, Any]
) -> None:
    journal = play_journal(play, settings, **how)
    said: list[str] = []
    verdict = replay_command.replay(settings, map(dump, journal), None, None, said.append)
    asked = how.get("schedule", journal[-1].schedule)
    assert said == [f"shared_session/session_per_task on sqlalchemy-2.1, {asked}"]
    assert (verdict.status, verdict.difference, verdict.notes) == (0, "", ())
    assert "The same run, to its end" in replay_command.as_text(verdict)

    other = [replace(one, text="x") if isinstance(one, Step) and one.number == 1 else one for one in journal]
    verdict = replay_command.replay(settings, map(dump, other), None, None, said.append)
    assert verdict.status == 1
    assert verdict.difference.startswith("step 1: text was 'x', and is '")


def test_the_requests_of_a_journal_are_those_that_its_program_declares(play: Play, settings: Settings) -> None:
    incident = incidents.load(settings.scenario_dirs).incident("request_session")
    assert incident
    program = incident.program("broken")
    assert program
    assert program.requests
    told = play(
        program.path,
        "sqlalchemy-2.0",
        schedule=program.expectations["sqlalchemy-2.0"].schedule,
        setup=incident.setup,
        invariants=incident.invariants,
        requests=program.requests,
        limits=program.limits,
    )
    assert told.said("request")
    writer, said = Writer(), list[str]()
    verdict = replay_command.replay(settings, map(writer.dump, told.messages), None, None, said.append)
    assert said == [f"request_session/broken on sqlalchemy-2.0, {told.end.schedule}"]
    assert (verdict.status, verdict.difference, verdict.notes, verdict.whole) == (0, "", (), True)


def test_what_cannot_be_replayed_says_why(settings: Settings) -> None:
    header = sample.HEADER
    with pytest.raises(JournalError, match="Line 1"):
        replay_command.replay(settings, ["x"], None, None, print)
    with pytest.raises(UsageError, match="natural run"):
        replay_command.replay(settings, [dump(replace(header, mode="natural"))], None, None, print)
    with pytest.raises(UsageError, match="--program"):
        replay_command.replay(settings, [dump(replace(header, program="none.py"))], None, None, print)
    target = "shared_session/broken"
    with pytest.raises(UsageError, match="--stack"):
        replay_command.replay(settings, [dump(replace(header, versions={}))], target, None, print)
