"""Outcomes: which word, which signature."""

from __future__ import annotations

from interlock import instrument
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
    told = "It stood still for 5 s. The stack at that moment:\nStack"
    assert outcome.summary("hang", [FINE], [], told) == "It stood still for 5 s; 1 task returned"


def test_the_insides_of_tasks_do_not_hide_what_an_error_says() -> None:
    other_loop = (
        "Task <Task pending name='work #2' coro=<work() running at broken.py:16> cb=[_done() at a.py:1]> "
        "got Future <Future pending cb=[_waiter()]> attached to a different loop"
    )
    text = outcome.message_of(raised("work", other_loop))
    said = "Task <Task pending …> got Future <Future pending …> attached to a different loop"
    assert text == f"sqlalchemy.exc.Boom: {said}"


def clean(text: str) -> str:
    return instrument.Texts(lambda _: None, lambda path: path.rpartition("/")[2], "run_1", print).clean(text)


def test_numbers_that_the_server_gives_to_types_are_left_out() -> None:
    assert clean("cache lookup failed for type 24601") == "cache lookup failed for type …"
    assert clean("no type 24601, order 24601") == "no type 24601, order 24601"


def test_names_that_differ_from_run_to_run_are_left_out() -> None:
    assert clean("permission denied for schema run_1") == "permission denied for schema run_…"
    assert clean("run_12 and my_run_1") == "run_12 and my_run_1"
    assert clean("lock on pg_toast_40900, pg_toast_temp_3.x, pg_temp_3") == (
        "lock on pg_toast_…, pg_toast_temp_….x, pg_temp_…"
    )


def test_files_in_texts_are_called_as_in_a_stack() -> None:
    assert clean("coro=<work() running at /srv/app/broken.py:16>") == "coro=<work() running at broken.py:16>"
    assert clean('File "/srv/app/broken.py", line 16, in work') == 'File "broken.py", line 16, in work'
    for other in ("see /srv/app/broken.py", "http://host/srv/broken.py:80", "at broken.py:16", "app/broken.py:16"):
        assert clean(other) == other
