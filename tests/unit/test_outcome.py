"""Outcomes: which word, which signature."""

from __future__ import annotations

from interlock import outcome
from interlock.frame import ErrorView
from interlock.frame import InvariantOutcome
from interlock.frame import TaskOutcome

FINE = TaskOutcome("t1", "main", "value")
HOLDS, BROKEN = InvariantOutcome("rule", True), InvariantOutcome("rule", False, "1")


def raised(name: str, message: str) -> TaskOutcome:
    return TaskOutcome("t2", name, "error", errors=(ErrorView("sqlalchemy.exc.Boom", message),))


def test_the_word_for_an_end() -> None:
    assert outcome.name_of([FINE], [HOLDS]) == "ok"
    assert outcome.name_of([FINE], [BROKEN]) == "silent"
    assert outcome.name_of([FINE, raised("a", "x")], [BROKEN]) == "error"
    assert outcome.name_of([TaskOutcome("t1", "main", "cancelled"), FINE], []) == "error"


def test_a_signature_groups_what_came_to_the_same() -> None:
    one = [
        FINE,
        raised("first", "lost <obj at 0x…01> of 4711\nDETAIL: this\n(Background on this error at: http://x/14/x)"),
    ]
    other = [raised("second", "lost <obj at 0x…07> of 4812\nDETAIL: that"), FINE]
    assert outcome.signature("error", one, [HOLDS]) == outcome.signature("error", other, [])
    assert outcome.signature("error", one, [BROKEN]) != outcome.signature("error", one, [HOLDS])
    assert outcome.signature("error", one, []) != outcome.signature("error", [*one, FINE], [])


def test_a_summary_counts_the_worst_first() -> None:
    tasks = [FINE, raised("a", "no"), raised("b", "no"), TaskOutcome("t4", "c", "cancelled")]
    text = outcome.summary("error", tasks, [BROKEN])
    assert text == "2 tasks raised sqlalchemy.exc.Boom: no; 1 task cancelled; 1 task returned; broken: rule"
    assert outcome.summary("hang", [FINE], [], "It stood still.\nStack").startswith("It stood still; 1 task")
    told = "It stood still for 5 s. The stack at that moment:\nStack"
    assert outcome.summary("hang", [FINE], [], told) == "It stood still for 5 s; 1 task returned"
