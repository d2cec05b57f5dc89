"""Journals from elsewhere: what is taken for one, and how a replay is compared with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.catalogue import incidents
from dashboard.catalogue.stacks import Stack
from dashboard.cli.replay import first_difference
from dashboard.config import resource
from dashboard.gallery import sample
from dashboard.runs import recorded
from dashboard.runs.recorded import Recorded
from interlock.journal import JournalError
from interlock.journal import dump

LINES = [dump(message) for message in (sample.HEADER, *sample.STEPS, sample.END)]
WHOLE = Recorded(sample.HEADER, sample.STEPS, sample.END)


def changed(line: int, old: str, new: str) -> list[str]:
    assert old in LINES[line]
    return [text.replace(old, new, 1) if number == line else text for number, text in enumerate(LINES)]


def test_a_journal_is_read_whole_or_as_far_as_it_goes() -> None:
    assert recorded.read(LINES) == WHOLE
    short = recorded.read(LINES[:2])
    assert (len(short.steps), short.end, short.whole) == (1, None, False)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "empty"),
        (["x"], "Line 1: Not a line of a journal"),
        (["[" * 100_000], "Line 1"),
        (LINES[1:], "begins with one header"),
        ([*LINES[:1], *LINES], "second header"),
        ([LINES[0], LINES[2]], "Step 0 is expected"),
        ([*LINES, LINES[1]], "follows the end"),
        (changed(0, '"format":2', '"format":99'), "format 99"),
        (changed(0, '"mode":"step"', '"mode":"x"'), "no mode"),
        (changed(0, '"schedule":"il1:"', '"schedule":"<b>"'), "no schedule"),
        (changed(1, '"clock":0.0', '"clock":"0"'), "step.frame.clock should be of type float"),
        (changed(1, '"clock":0.0', '"clock":NaN'), "step.frame.clock should be of type float"),
        (changed(1, '"name":"', '"name":7,"x":"'), "step.frame.tasks.name should be of type str"),
        (changed(2, '"token":"c1"', '"token":"c1\\u0000"'), "is not step=choice"),
        (changed(4, '"failed_at":2', '"failed_at":7'), "step 7, which it does not have"),
        (changed(4, '"outcome":"error"', '"outcome":"\\u0000"'), "an outcome or a signature"),
        (changed(4, '"duration_ms":684.0', f'"duration_ms":{10**400}'), "Line 5"),
    ],
)
def test_what_is_no_journal_is_refused_with_its_line(lines: list[str], says: str) -> None:
    with pytest.raises(JournalError, match="Line|empty") as refused:
        recorded.read(lines)
    assert says in str(refused.value)


def test_a_program_is_known_by_its_files_and_a_stack_by_its_versions() -> None:
    known = incidents.load([resource("scenarios")]).incidents
    folder = resource("scenarios") / "shared_session"
    mine = replace(sample.HEADER, program="broken.py", sources={"broken.py": (folder / "broken.py").read_text()})
    found = recorded.origin(mine, known)
    assert found
    assert (found[0].name, found[1].name) == ("shared_session", "broken")
    assert recorded.origin(sample.HEADER, known) is None  # other files of the same names
    assert recorded.altered(replace(mine, sources={"../../README.md": "x"}), folder) == ["../../README.md"]
    stacks = [Stack("a", "a", "python", True, ("SQLAlchemy 2.0.1", "asyncpg 0.26.0")), Stack("b", "b", "python", True)]
    assert recorded.stack_of(mine, stacks) is None
    fits = Stack("c", "c", "python", False, ("SQLAlchemy 1.4.42", "asyncpg 0.26.0", "FastAPI 0.1"))
    assert recorded.stack_of(mine, [*stacks, fits]) == fits


def test_a_replay_is_the_same_whatever_its_pids_and_dates() -> None:
    later = [replace(step, elapsed_ms=step.elapsed_ms + 7) for step in sample.STEPS]
    assert first_difference(WHOLE, [sample.HEADER, *later, replace(sample.END, duration_ms=1.0)]) == ""


def test_the_first_difference_is_named() -> None:
    start, middle, failure = sample.STEPS
    late = replace(middle, frame=replace(middle.frame, clock=9.5))
    said = first_difference(WHOLE, [start, late, failure, sample.END])
    assert said == f"step 1: frame.clock was {middle.frame.clock}, and is 9.5"
    other = replace(sample.END, outcome="ok")
    assert first_difference(WHOLE, [*sample.STEPS, other]) == "the end: outcome was 'error', and is 'ok'"
    assert "step 2: the journal has it" in first_difference(WHOLE, [start, middle, sample.END])
    assert "step 2: the replay has it" in first_difference(
        replace(WHOLE, steps=(start, middle)), [*sample.STEPS, other]
    )


def test_a_journal_cut_short_is_compared_as_far_as_it_goes() -> None:
    stopped = Recorded(sample.HEADER, sample.STEPS[:2], replace(sample.END, outcome="stopped"))
    assert first_difference(stopped, [*sample.STEPS, sample.END]) == ""
