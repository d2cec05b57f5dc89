"""Programs that do it right, as people write them: no false alarm, whatever comes first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import sqlfiles
from dashboard.findings import why
from dashboard.findings.why.turn import turn
from dashboard.servers.lab import drop_schema
from interlock.frame import End
from interlock.job import Invariant
from interlock.job import Job
from tests.claims import assert_true
from tests.lab.conftest import Play
from tests.lab.conftest import Played
from tests.lab.conftest import Warm

CORRECT = Path(__file__).parent / "correct"
SHARED = Path(__file__).parents[2] / "scenarios" / "shared_session"
PROGRAMS = sorted(path.stem for path in CORRECT.glob("*.py") if path.stem != "bank")
RULES = tuple(Invariant(rule.name, rule.sql) for rule in sqlfiles.queries((CORRECT / "invariants.sql").read_text())[0])
LOOKED_AT = range(2)  # seeds of which every step is judged
SEEDS = range(10)  # and those of which the end is
HOW_IT_WENT = {
    "fault",
    "blocked",
    "replied",
    "sent",
    "alone",
    "in turn",
    "fresh",
    "primary",
}  # is told of what went well


def wrong(end: End) -> list[str]:
    """What a run's end says that is wrong."""
    found = [] if end.outcome == "ok" else [f"{end.outcome}: {end.summary}"]
    found += [f"{rule.name}: {rule.detail}" for rule in end.invariants if not rule.holds]
    return [f"{end.schedule} {one}" for one in found]


def alarms(played: Played) -> list[str]:
    """What a run's page would say that is wrong, at any step."""
    history = why.History()
    for step in played.steps:
        history.add(step)
    shared, how = turn(history), why.of_journal(played.messages)
    assert_true(how, played.messages)
    return [
        *wrong(played.end),
        *([f"{played.end.schedule} step {shared.step}: {shared.text}"] if shared else []),
        *why.as_lines(one for one in how if one.claim not in HOW_IT_WENT),
    ]


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_called_wrong(
    program: str, stack: str, play: Play, warm: Warm, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    path = CORRECT / f"{program}.py"
    for seed in LOOKED_AT:
        assert alarms(play(path, stack, mode="random", seed=seed, invariants=RULES)) == []
    job = Job(str(path), lab_url, "test_correct", setup=(CORRECT / "schema.sql").read_text(), invariants=RULES)
    ends = warm.explore(stack_python(stack), job, SEEDS)
    drop_schema(lab_url, "test_correct")
    assert [seed for seed, _ in ends] == list(SEEDS)
    assert [one for _, end in ends for one in wrong(end)] == []


def test_what_is_wrong_is_called_wrong(play: Play) -> None:
    """Else the test above could not fail."""
    shared = play(SHARED / "broken.py", mode="random", seed=1)
    assert len(alarms(shared)) > 2
