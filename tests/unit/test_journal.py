"""The journal: what is written is read back, equal runs are equal, a newer one is refused with a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from interlock import journal
from interlock.frame import ActivityRow
from interlock.frame import ConnectionView
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Step

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=60)
@given(st.one_of(st.from_type(Header).map(lambda h: replace(h, format=1)), st.from_type(Step), st.from_type(End)))
def test_a_message_is_read_back_as_written(message: Header | Step | End) -> None:
    line = journal.dump(message)
    assert "\n" not in line
    assert journal.load(line) == message


def step(pid: int, state: str = "idle") -> Step:
    connection = ConnectionView("c1", state, pid=pid)
    row = ActivityRow("c1", "active", pid=pid, backend_start=str(pid), xact_age_ms=pid / 7)
    return Step(1, Frame(0.5, connections=(connection,), activity=(row,)), elapsed_ms=pid)


def test_runs_are_equal_but_for_what_cannot_be() -> None:
    assert journal.digest([step(11), step(12)]) == journal.digest([step(98), step(99)])
    assert journal.digest([step(1)]) != journal.digest([step(1, "held")])


def test_the_first_difference_is_named() -> None:
    assert journal.first_difference([step(1)], [step(2)]) is None
    found = journal.first_difference([step(1), step(1)], [step(1), step(1, "held")])
    assert found is not None
    assert (found[0], "held" in found[2]) == (1, True)
    assert journal.first_difference([step(1)], []) == (0, journal.canonical(step(1)), "(ended)")


def test_what_a_newer_interlock_added_is_passed_over() -> None:
    data = json.loads(journal.dump(step(1)))
    data["step"]["frame"]["weather"] = "fine"
    assert journal.load(json.dumps(data)) == step(1)


@pytest.mark.parametrize("line", ["", "{}", "[1]", '{"step":{}}', '{"what":{}}', '{"step":1}'])
def test_what_is_no_journal_is_refused(line: str) -> None:
    with pytest.raises(journal.JournalError, match="Not a line of a journal"):
        journal.load(line)


def test_a_newer_format_is_refused_with_a_reason() -> None:
    with pytest.raises(journal.JournalError, match="format 99"):
        journal.load(journal.dump(Header(99, "p.py", "replay", "il1:", None, {}, ())))
