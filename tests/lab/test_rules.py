"""Rules of the data are asked while a run goes on: a failure that nobody is told of has the step that it began in."""

from __future__ import annotations

from dashboard.findings import why
from interlock import journal
from interlock.job import Invariant
from tests.lab.conftest import Play

WHOLE = Invariant("nothing is lost", "select sum(balance) from account having sum(balance) <> 200;")
MADE = Invariant("nothing is made", "select id from made")
NEVER = Invariant("cannot be asked", "select * from nowhere")


def test_a_silent_failure_has_the_step_from_which_on_a_rule_was_broken(play: Play) -> None:
    played = play("rules", invariants=(WHOLE, MADE, NEVER))
    told = [(step.number, event.text) for step in played.steps for event in step.events if event.kind == "rule"]
    assert [text for _, text in told] == [
        "the rule “nothing is lost” is broken now: sum = 190",
        "the rule “nothing is lost” is kept now",
        "the rule “nothing is lost” is broken now: sum = 170",
        "the rule “nothing is made” is broken now: id = 1",  # of a table that there was none of at first
    ]
    commits = [step.number for step in played.steps for event in step.events if event.text.startswith("COMMIT on")]
    assert (played.end.outcome, played.end.failed_at, commits) == ("silent", told[2][0], [told[2][0]])
    assert [one.holds for one in played.end.invariants] == [False, False, None]
    again = play("rules", invariants=(WHOLE, MADE, NEVER))
    assert journal.first_difference(again.messages, played.messages) is None


def test_what_could_not_be_asked_meanwhile_has_no_step(play: Play) -> None:
    """A task ends while nobody may read the accounts: what is found of them after that may have begun at any time."""
    played = play("rules_hidden", invariants=(WHOLE,))
    assert (played.end.outcome, played.end.failed_at) == ("silent", None)
    assert played.said("rule") == [
        "the rule “nothing is lost” is broken now: sum = 190",
        "the rule “nothing is lost” could not be asked for now",
    ]
    assert "since" not in {clause.claim for clause in why.of_journal(played.messages)}


def test_the_plain_network_is_not_kept_waiting_by_questions(play: Play) -> None:
    played = play("rules", mode="natural", invariants=(WHOLE,))
    assert (played.end.outcome, played.end.failed_at, played.said("rule")) == ("silent", None, [])
