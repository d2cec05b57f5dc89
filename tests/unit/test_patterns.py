"""What is compared, read from a folder with mistakes and without; and what a run says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.catalogue import incidents
from dashboard.catalogue import patterns
from dashboard.catalogue.incidents import Catalogue
from dashboard.runs import facts
from interlock.frame import ConnectionView
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import InvariantOutcome
from interlock.frame import Step
from interlock.frame import TaskView

INCIDENT = """\
title = "Two ways"
[[program]]
name = "one"
title = "One way"
kind = "fix"
[[program]]
name = "other"
title = "Another"
kind = "broken"
[[program]]
name = "clock"
title = "Times"
kind = "timing"
"""
PATTERNS = """\
stack = "sqlalchemy-2.1"
timing = "clock"
baseline = "one"
meanwhile = "somebody"
whole = "whole"
same = "same"
advice = ["Take the first."]

[[pattern]]
program = "one"
demands = "time"
fails = "il1:3=k:c1"
dies = "il1:4=e"

[[pattern]]
program = "other"
demands = "luck"
"""
RULES = "-- name: whole\nselect 1 where false;\n-- name: same\nselect 1 where false;\n"
CODE = '''\
"""What it says of itself."""

import asyncio

from shared import engine

LIMIT = 3  # a line


async def work():
    """What it does."""
    # a remark
    await asyncio.sleep(LIMIT)

    return engine


async def main():
    await work()


if __name__ == "__main__":
    asyncio.run(main())
'''


def folder(path: Path, text: str = PATTERNS) -> Catalogue:
    at = path / "two_ways"
    at.mkdir()
    (at / "incident.toml").write_text(INCIDENT)
    (at / "patterns.toml").write_text(text)
    (at / "invariants.sql").write_text(RULES)
    (at / "story.md").write_text("## Two ways\n")
    (at / "one.py").write_text(CODE)
    (at / "other.py").write_text("from one import work\n\n\nasync def more():\n    await work()\n")
    (at / "clock.py").write_text("")
    return incidents.load([path])


def test_each_experiment_is_wanted_once_and_the_one_that_measures_last(tmp_path: Path) -> None:
    found, problems = patterns.find(folder(tmp_path))
    assert found is not None, problems
    assert [(one.program, one.mode, one.schedule) for one in found.experiments] == [
        ("one", "replay", "il1:3=k:c1"),
        ("one", "replay", "il1:4=e"),
        ("one", "replay", "il1:"),
        ("other", "replay", "il1:"),
        ("clock", "natural", "il1:"),
    ]


def test_lines_are_those_that_somebody_takes(tmp_path: Path) -> None:
    found, _ = patterns.find(folder(tmp_path))
    assert found is not None
    # LIMIT, def, await, return; and for the other its own two, and those of the program that it builds on.
    assert [pattern.lines for pattern in found.patterns] == [4, 6]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('whole = "whole"', 'whole = "hole"', 5, "There is no rule 'hole' in invariants.sql."),
        ('timing = "clock"', 'timing = "watch"', 2, "There is no program 'watch' here."),
        ('program = "other"', 'program = "third"', 15, "There is no program 'third' here."),
        ("il1:4=e", "il1:4=q", 13, "'4=q' is not step=choice."),
        ('stack = "sqlalchemy-2.1"\n', "", 1, "A comparison must have a key 'stack'"),
        ("demands", "wants", 11, "A pattern has no key 'wants'."),
    ],
)
def test_mistakes_have_a_file_and_a_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    found, problems = patterns.find(folder(tmp_path, PATTERNS.replace(old, new)))
    assert found is None
    assert any(one.path.name == "patterns.toml" and one.line == line and message in one.message for one in problems), (
        problems
    )


def test_facts_leave_out_what_belongs_to_somebody_else() -> None:
    tasks = (TaskView("t1", "work", "waiting"), TaskView("t2", "somebody", "waiting"))
    connections = (
        ConnectionView("c1", "held", "open", sent_by="t1", checked_out=True, owner="t1"),
        ConnectionView("c2", "sent", "open", sent_by="t1", checked_out=True, owner="t1"),
        ConnectionView("c3", "held", "open", sent_by="t2", checked_out=True, owner="t2"),
        ConnectionView("c4", "connecting", "", sent_by="t1"),
        ConnectionView("c5", "idle", "open", sent_by="t1", checked_out=True, owner="t1"),
    )
    end = End("ok", "00000000", "", "il1:", 0, invariants=(InvariantOutcome("whole", True),))
    found = facts.facts([Step(0, Frame(0.0, tasks, connections=connections)), Step(1, Frame(0.0))], end, "somebody")
    assert (found.at_once, found.connections, found.holds) == (2, 3, {"whole": True})
