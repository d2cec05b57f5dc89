"""From steps to what a page shows, by the made-up run of the gallery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest

from dashboard import keys
from dashboard.findings.explain import Explanation
from dashboard.findings.explain import explain
from dashboard.findings.why import Clause
from dashboard.findings.why.turn import Turn
from dashboard.gallery import endings
from dashboard.gallery import rooms
from dashboard.gallery import sample
from dashboard.presenters import backends
from dashboard.presenters import words
from dashboard.presenters.choices import SHOWN
from dashboard.presenters.choices import choices
from dashboard.presenters.matrix import matrix
from dashboard.presenters.outcome import command
from dashboard.presenters.outcome import raised
from dashboard.presenters.reasons import reasons
from dashboard.presenters.room import Moment
from dashboard.presenters.room import Room
from dashboard.presenters.room import room
from dashboard.presenters.source import PANEL
from dashboard.presenters.source import highlighted
from dashboard.presenters.source import places
from dashboard.presenters.source import source
from dashboard.presenters.tracebacks import chain
from dashboard.presenters.words import Names
from interlock.frame import ActivityRow
from interlock.frame import Choice
from interlock.frame import ConnectionView
from interlock.frame import ErrorView
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import Step
from interlock.frame import TaskView

START, MIDDLE, FAILURE = (step.frame for step in sample.STEPS)


def cells(frame: Frame, before: Frame | None) -> dict[tuple[str, str], tuple[str, str]]:
    """What stands in the matrix, and what it says it was, by task and connection."""
    shown = matrix(frame, before, Names.of(before, frame))
    return {
        (row.name, column.id): (cell.text, cell.was)
        for row in shown.rows
        for column, cell in zip(shown.columns, row.cells, strict=True)
    }


def test_a_cell_says_what_a_task_has_to_do_with_a_connection_and_what_it_was() -> None:
    shown = cells(MIDDLE, START)
    assert shown["first", "c1"] == ("blocked by 4212", "reply held")
    assert shown["second", "c2"] == ("reply held SELECT", "sent")
    assert shown["third", "c3"] == ("sent BEGIN", "connecting")
    assert shown["main", "c1"] == ("—", "")
    assert cells(FAILURE, MIDDLE)["first", "c1"] == ("began it in transaction", "blocked")


def test_nothing_is_marked_as_changed_without_a_step_before_or_in_an_equal_one() -> None:
    for before in (None, MIDDLE):
        assert not any(was for _, was in cells(MIDDLE, before).values())


def test_a_row_of_the_server_that_is_gone_is_still_named_once() -> None:
    lines = backends.activity(FAILURE, MIDDLE, Names.of(MIDDLE, FAILURE))
    assert [(line.pid, line.gone, line.orphan) for line in lines] == [
        ("4211", False, True),
        ("4213", False, False),
        ("4212", True, False),
    ]
    assert backends.activity(MIDDLE, MIDDLE, Names.of(MIDDLE))[0].changed == frozenset()


def test_a_row_that_waits_leads_to_the_row_it_waits_for_if_there_is_one() -> None:
    waits, holds, _ = backends.activity(MIDDLE, None, Names.of(MIDDLE))
    assert [(one.text, one.row) for one in waits.blocked_by] == [("4212", holds.key)]
    assert waits.wait_meaning == "for another transaction to end (row lock)"
    assert (waits.blocks, holds.blocks) == (0, 1)
    stranger = replace(MIDDLE.activity[0], blocked_by=("pid 99",))
    [alone] = backends.activity(replace(MIDDLE, activity=(stranger,)), None, Names.of(MIDDLE))
    assert [(one.text, one.row) for one in alone.blocked_by] == [("pid 99", None)]


def test_a_backend_whose_end_the_frame_tells_has_one_row() -> None:
    ended = replace(MIDDLE.activity[0], state="gone", backend_start="", query="")
    after = replace(MIDDLE, activity=(ended, *MIDDLE.activity[1:]))
    lines = backends.activity(after, MIDDLE, Names.of(MIDDLE))
    assert [line.connection for line in lines] == [row.connection for row in MIDDLE.activity]


def test_a_pid_used_again_is_another_row() -> None:
    again = replace(MIDDLE.activity[0], backend_start="2026-11-20 11:00:00")
    lines = backends.activity(replace(MIDDLE, activity=(again,)), MIDDLE, Names.of(MIDDLE))
    assert len({line.key for line in lines}) == 4


def test_what_going_on_carries_out_is_marked_as_the_default() -> None:
    names = Names.of(MIDDLE)
    plain = choices(MIDDLE, names, live=True, taken=None)
    planned = choices(MIDDLE, names, live=True, taken=None, scheduled="t")
    assert [one.token for one in plain.offered if one.default] == ["c2"]
    assert [one.token for one in planned.offered if one.default] == ["t"]
    assert [one.token for one in plain.what_if] == ["x:t3", "k:c2", "d:c3"]


def test_more_choices_than_number_keys_are_folded() -> None:
    many = tuple(Choice(f"c{n}", "reply", f"deliver the reply to SELECT on c{n}") for n in range(1, 15))
    shown = choices(Frame(0.0, choices=many), Names(), live=True, taken=None)
    assert len(shown.offered) == SHOWN
    assert [one.number for one in shown.folded] == [10, 11, 12, 13, 14]


def test_a_sentence_names_the_backend_where_its_pid_is_known() -> None:
    names = Names({}, {"c1": 4211})
    assert names.text("c1 waits for c11, not for abc1") == "4211 (c1) waits for c11, not for abc1"


def test_a_task_that_raised_is_marked_where_that_began() -> None:
    files = source(sample.HEADER.sources, "broken.py", FAILURE)
    assert [file.name for file in files] == ["broken.py", "session.py"]
    marked = {
        (file.name, line.number): [one.name for one in line.markers]
        for file in files
        for line in file.lines
        if line.markers
    }
    assert marked == {
        ("broken.py", 14): ["second"],
        ("broken.py", 19): ["main"],
        ("session.py", 30): ["third"],
    }


def test_a_task_that_passed_an_error_on_is_marked_at_a_line_of_its_own() -> None:
    def error(*lines: int) -> ErrorView:
        stack = tuple(Place("broken.py", line, "") for line in lines)
        return ErrorView("KeyError", "'x'", (*stack, Place("library.py", 1, "", ours=False)))

    raised = TaskView("t3", "second", "error", "t2", errors=(error(16),))
    tasks = (
        TaskView(
            "t1", "main", "error", errors=(ErrorView("ExceptionGroup", "1 error", error(30).stack), error(22, 16))
        ),
        TaskView("t2", "passes", "error", "t1", errors=(error(22, 16),)),
        raised,
        replace(raised, id="t4", name="the same", parent="t1"),  # it came to it by itself
        TaskView("t5", "waits", "waiting", "t1", Place("broken.py", 7, "")),
    )
    assert {task: place.line for task, place in places(tasks).items()} == {
        "t1": 30,
        "t2": 22,
        "t3": 16,
        "t4": 16,
        "t5": 7,
    }


def test_the_line_that_led_to_a_failure_and_the_line_where_it_showed_are_told_apart() -> None:
    commit, query = Place("broken.py", 2, ""), Place("broken.py", 1, "")
    proof = [Clause("ended", 3, "", place=commit, gist="it committed"), Clause("met", 5, "", place=query)]
    (file,) = source({"broken.py": "query\ncommit\n"}, "broken.py", None, proof)
    assert [(line.led, line.showed) for line in file.lines] == [(None, 5), (3, None)]
    # Of what was refused at the very line where that showed nothing more is said.
    (file,) = source({"broken.py": "query\n"}, "broken.py", None, [replace(proof[0], place=query), proof[1]])
    assert [(line.led, line.showed) for line in file.lines] == [(None, 5)]


def test_beside_an_error_of_a_library_stands_what_its_words_refer_to() -> None:
    met = Clause("met", 5, "“second” met AttributeError: 'NoneType' object has no attribute 'twophase'")
    told = explain(sample.END, sample.HEADER)
    assert told is not None
    (reason,) = reasons([met], sample.STEPS[1].frame, Names({}, {}), set(), told)
    assert reason.message.startswith("The line reads `self.session.twophase`")
    assert reason.message in told.text
    (other,) = reasons([replace(met, text="“second” met KeyError")], sample.STEPS[1].frame, Names({}, {}), set(), told)
    assert other.message == ""


@pytest.mark.parametrize(
    "text", ["x = '''\nunfinished", "def f(:\n\tpass\n  x", "é = f'{1!r}'  # ü", "", "\f\nx = 1\n"]
)
def test_any_source_is_shown_whole_and_harmless(text: str) -> None:
    shown = highlighted(text + "\n# <b>&")
    assert [line.striptags().strip() for line in shown][-1] == "# <b>&"
    assert "<b>" not in "".join(shown)


def test_a_chain_is_told_in_the_order_of_time() -> None:
    first, last = chain((sample.MASK, sample.TWOPHASE))
    assert (first.type, first.first, first.last) == ("AttributeError", True, False)
    assert "While it was being handled" in first.leads
    assert (last.first, last.last, last.leads) == (False, True, "")
    assert [(group.ours, group.library, len(group.places)) for group in first.frames] == [
        (True, "", 2),
        (False, "sqlalchemy", 4),
    ]


def test_of_a_backend_that_is_ended_it_is_said_when_the_program_hears_of_it() -> None:
    notice = Choice("c1", "reply", "let the program notice that c1 was closed by the server", connection="c1")
    other = Choice("c2", "reply", "deliver the reply to SELECT on c2", connection="c2")

    def caption(*then: Choice, kind: str = "terminate") -> str:
        ended = Choice("k:c1", kind, "end the backend of c1", connection="c1", offered=False)
        step = replace(
            sample.STEPS[1], choice=ended, text="it was ended", frame=replace(sample.STEPS[1].frame, choices=then)
        )
        moment = Moment(step, None, None)
        return room(sample.RUN, moment, incident_title="", explanation=None).caption

    assert caption(other) == "it was ended; the program hears of it at its next statement there"
    assert caption(notice, other) == "it was ended"  # it hears with the reply that it waits for
    assert caption() == "it was ended"  # it is over
    assert caption(other, kind="drop") == "it was ended"


def test_the_command_can_be_pasted_into_a_shell() -> None:
    assert command("it's", "a b", "mine", "il1:3=t") == "interlock run 'it'\"'\"'s/a b' --stack mine --schedule il1:3=t"
    assert command("one", "two", "mine", None).endswith("--natural")


def test_one_error_that_passes_through_tasks_is_said_once() -> None:
    both = [
        replace(task, state="error", errors=(sample.TWOPHASE,), moved=True) if task.name in ("main", "second") else task
        for task in FAILURE.tasks
    ]
    step = replace(sample.STEPS[2], frame=replace(FAILURE, tasks=tuple(both)))
    shown = room(sample.RUN, Moment(step, None, None), incident_title="", explanation=None)
    assert shown.new_errors == (
        "“second” raised AttributeError: 'NoneType' object has no attribute 'twophase' (and so did “main”)",
    )


def test_while_a_run_goes_on_the_traceback_of_who_failed_comes_before_that_of_who_awaited_it() -> None:
    own = replace(sample.TWOPHASE, stack=(Place("b.py", 7, "query", ""),))
    through = replace(own, stack=(Place("b.py", 22, "main", ""), *own.stack))
    errors = {"main": (through,), "second": (own,)}
    frame = replace(FAILURE, tasks=tuple(replace(one, errors=errors.get(one.name, ())) for one in FAILURE.tasks))
    assert [one.name for one in frame.tasks if one.errors] == ["main", "second"]
    assert [one.name for one in raised(frame)] == ["second", "main"]


@pytest.mark.parametrize(
    ("type_", "message", "shown"),
    [
        (
            "sqlalchemy.exc.DBAPIError",
            "(sqlalchemy.dialects.postgresql.asyncpg.Error) <class 'asyncpg.exceptions.DeadlockDetectedError'>: "
            "deadlock detected\nDETAIL:  Process 1 waits",
            "DeadlockDetectedError (as DBAPIError): deadlock detected",
        ),
        (
            "sqlalchemy.exc.InterfaceError",
            "(sqlalchemy.dialects.postgresql.asyncpg.InterfaceError) <class 'asyncpg.exceptions._base.InterfaceError'>"
            ": cannot perform operation: another operation is in progress",
            "InterfaceError: cannot perform operation: another operation is in progress",
        ),
        (
            "sqlalchemy.exc.DBAPIError",
            "(sqlalchemy.dialects.postgresql.asyncpg.Error) deadlock detected",
            "DBAPIError: deadlock detected",
        ),
        ("app.Refused", "(this) stands as it is", "Refused: (this) stands as it is"),
    ],
)
def test_of_a_wrapped_error_of_the_driver_what_the_driver_said_leads(type_: str, message: str, shown: str) -> None:
    assert words.error(type_, message) == shown


@pytest.mark.parametrize(
    ("status", "steps", "at", "moves", "asks"),
    [
        ("ended", 2, 1, (0, 0, 2, 2), False),
        ("ended", 2, 2, (0, 1, None, None), False),
        ("waiting", 2, 2, (0, 1, None, None), True),
        ("waiting", 2, 0, (None, None, 1, 2), False),
        ("running", 2, 2, (0, 1, None, None), False),
    ],
)
def test_the_stepper_stops_at_both_ends_and_asks_only_at_the_end_of_a_live_run(
    status: str, steps: int, at: int, moves: tuple[int | None, ...], asks: bool
) -> None:
    run = replace(sample.RUN, status=status, steps=steps, end=None, failed_at=None)
    shown = room(run, Moment(sample.STEPS[at], None, None), incident_title="", explanation=None).stepper
    assert (shown.first, shown.back, shown.next, shown.end) == moves
    assert shown.waiting is asks


def test_the_failure_is_where_the_proof_has_it_and_not_where_an_expected_error_was_raised_before() -> None:
    run = replace(sample.RUN, failed_at=0)
    proof = (Clause("refused", 1, "", gist="“a” called close() of s1"), Clause("met", 1, "", ("t3",)))

    def at(number: int, proof: tuple[Clause, ...] = proof) -> Room:
        step = Moment(sample.STEPS[number], None, None)
        return room(run, step, incident_title="", explanation=None, proof=proof)

    assert (at(0).stepper.failure, at(0).lead) == (1, "")
    assert (at(1).stepper.failure, at(1).lead) == (None, at(1).happened)
    assert at(1, ()).stepper.failure == 0


def test_spans_of_time_are_short() -> None:
    assert [words.seconds(value) for value in (0.04, 9.94, 59.6, 300, 7300, 200_000)] == [
        "0.0 s",
        "9.9 s",
        "60 s",
        "5 min",
        "2 h",
        "2 d",
    ]
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert words.ago(now - timedelta(seconds=4), now) == "just now"
    assert words.ago(now - timedelta(seconds=42), now) == "42 s ago"


def test_no_key_does_two_things_in_one_place() -> None:
    taken = [key for entry in keys.KEYS for key in entry.keys]
    assert len(taken) == len(set(taken))
    assert sum(map(len, keys.help_sections().values())) == len(keys.KEYS) - 8  # the nine choices are one line


def test_what_is_on_the_replica_is_marked_in_words() -> None:
    frame = Frame(
        0.0,
        connections=(ConnectionView("c1", "idle", pid=7), ConnectionView("c2", "idle", replica=True, pid=7)),
        activity=(ActivityRow("c1", "idle", pid=7), ActivityRow("c2", "idle", replica=True, pid=7)),
    )
    names = words.Names.of(frame)
    assert [one.replica for one in matrix(frame, None, names).columns] == [False, True]
    assert [one.replica for one in backends.activity(frame, None, names)] == [False, True]


def test_of_a_long_source_that_is_seen_which_the_proof_cites() -> None:
    sources = {"broken.py": "\n" * 100, "session.py": "\n" * 60, "models.py": "\n" * 40}
    proof = [Clause("met", 3, "", place=Place(file, line, "")) for file, line in (("broken.py", 50), ("session.py", 9))]
    files = source(sources, "broken.py", None, proof)
    seen = [(file.name, line.number) for file in files for part in file.parts if not part.folded for line in part.lines]
    assert {("broken.py", 50), ("session.py", 9)} <= set(seen)
    assert len(seen) <= PANEL
    for file in files:  # all is there, and in its order
        assert [line.number for part in file.parts for line in part.lines] == list(range(1, len(file.lines) + 1))
    assert [len(file.parts) for file in files] == [3, 3, 1]  # those that are cited first
    # A task that has come to a line that was folded away is seen there.
    task = TaskView("t1", "first", "waiting", place=Place("models.py", 30, ""))
    (models,) = (one for one in source(sources, "broken.py", Frame(0.0, (task,)), proof) if one.name == "models.py")
    assert [line.number for part in models.parts if not part.folded for line in part.lines if line.markers] == [30]
    # While nothing is proven, or all of it can be seen at once, nothing is folded.
    assert all(len(file.parts) == 1 for file in source(sources, "broken.py", None, []))
    assert all(len(file.parts) == 1 for file in source({"broken.py": "\n" * PANEL}, "broken.py", None, proof))


def test_the_first_of_each_word_of_a_proof_is_explained() -> None:
    frame, place = sample.STEPS[1].frame, Place("broken.py", 19, "")
    more = (replace(place, line=22), Place("x.py", 22, ""))
    first = Clause("inside", 0, "“first” was inside s1 and asked for c2", place=place, more=more)
    then = Clause(
        "met", 2, "s1 met an error: This session is provisioning a new connection; c9", place=Place("x.py", 1, "")
    )
    one, other = reasons([first, then], frame, Names.of(frame), {"broken.py"})
    assert "".join(piece.text for piece in one.pieces) == first.text
    assert "".join(piece.text for piece in other.pieces) == then.text
    assert [piece.text for piece in one.pieces if piece.term] == ["s1", "c2"]
    assert [piece.text for piece in other.pieces if piece.term] == ["provisioning a new connection", "c9"]
    means = {piece.text: piece.term.means for line in (one, other) for piece in line.pieces if piece.term}
    assert "RoutingSession" in means["s1"]
    assert "4212" in means["c2"]
    assert "server process" not in means["c9"]  # nothing is known of it
    assert [[(line.text, line.shown) for line in reason.lines] for reason in (one, other)] == [
        [("broken.py:19", True), ("22", True), ("x.py:22", False)],
        [("x.py:1", False)],
    ]


def test_long_names_in_a_sentence_lose_their_middle() -> None:
    name = "starlette.responses.StreamingResponse.__call__.<locals>.wrap"
    said = words.shortened(f"“first” waits for “{name}”")
    assert said.startswith("“first” waits for “starlette.respo…")
    assert said.endswith("<locals>.wrap”")
    assert len(said) < 60


def test_at_the_end_comes_what_to_do_and_then_what_else_could_have_happened() -> None:
    told = Explanation("The loop stood still", "It did.", means="It did.")
    frame = replace(sample.STEPS[2].frame, choices=sample.STEPS[0].frame.choices)
    last = replace(sample.STEPS[2], frame=frame)
    stood = Clause("stood", 2, "", gist="a call blocked", remedy="Do not block.")

    def at(step: Step, proof: tuple[Clause, ...] = (stood,), **more: object) -> Room:
        return room(endings.HANG, Moment(step, None, None), incident_title="", explanation=told, proof=proof, **more)  # type: ignore[arg-type]

    page = at(last)
    assert page.choices.any
    assert page.advises
    assert page.explanation is not None
    assert page.explanation.advice == "Do not block."
    assert page.explanation.text == "It did. Do not block."  # and not what else it might have been
    assert not at(sample.STEPS[1]).advises  # there one may branch
    # An error that nobody knows, without a proof: what the steps show to be wrong is to be mended first.
    unknown = replace(told, error="ValueError: x", advice="Begin at broken.py, line 3.")
    turn = Turn(0, "sharing", "“a” and “b” are inside a call of session s1 at once")
    page = room(sample.RUN, Moment(last, None, None), incident_title="", explanation=unknown, proof=(), turn=turn)
    assert page.explanation is not None
    assert page.explanation.advice.startswith("Begin at broken.py, line 3. At step 0 something is wrong")
    # What is known of an error is not replaced by what follows from the steps, but by what is said of this run's tasks.
    known = replace(told, family="A1", advice="Known.")
    page = room(sample.RUN, Moment(last, None, None), incident_title="", explanation=known, proof=(stood,), turn=turn)
    assert page.explanation == known
    of_this_run = replace(stood, remedy="“a” has ended and left a connection.")
    page = room(sample.RUN, Moment(last, None, None), incident_title="", explanation=known, proof=(of_this_run,))
    assert page.explanation is not None
    assert page.explanation.advice == "“a” has ended and left a connection."


def test_a_fix_that_ends_with_the_error_that_it_should_has_nothing_to_be_mended() -> None:
    told = Explanation("There is no sofa", "So it is.", means="So it is.", advice="Begin there.")
    last = Moment(sample.STEPS[2], sample.STEPS[1], None)
    for expected, mends, advises in ((True, "", True), (True, "Wait for all", False), (False, "Wait for all", True)):
        run = replace(sample.RUN, expected=expected)
        page = room(run, last, incident_title="", explanation=told, proof=(), mends=mends)
        assert (page.advises, page.head.as_it_should) == (advises, not advises)
        assert (page.lead == "It ended with the error that it should end with.") is not advises
        assert page.goal == ("the failure" if advises else "its error")
    well = replace(sample.RUN, outcome="ok", expected=True)
    assert not room(well, last, incident_title="", explanation=None, proof=(), mends="Wait for all").lead
    begun = room(rooms.LIVE, last, incident_title="", explanation=None, mends="Wait for all")
    assert begun.goal == "the end"


def test_the_legend_of_the_source_tells_of_marked_lines_where_there_are_any() -> None:
    place = Place("broken.py", 3, "find", "")
    for at, marked in ((place, True), (None, False)):
        proof = (Clause("alone", 2, "so it is", place=at),)
        page = room(sample.RUN, Moment(sample.STEPS[2], None, None), incident_title="", explanation=None, proof=proof)
        assert page.cites is marked


@pytest.mark.parametrize(("outcome", "told"), [("ok", ("sqlalchemy-2.0",)), ("error", ())])
def test_where_a_broken_program_fails_is_told_of_a_run_that_went_well(outcome: str, told: tuple[str, ...]) -> None:
    run, last = replace(sample.RUN, outcome=outcome), Moment(sample.STEPS[2], sample.STEPS[1], None)
    assert room(run, last, incident_title="", explanation=None, spared=("sqlalchemy-2.0",)).spared == told


def test_a_program_that_is_declared_to_fail_and_does_not_under_another_schedule_got_away() -> None:
    def head(outcome: str, *, expected: bool | None = None, fails: bool = True) -> bool:
        run = replace(sample.RUN, outcome=outcome, expected=expected)
        return room(run, moment, incident_title="", explanation=None, fails=fails).head.got_away

    moment = Moment(sample.STEPS[2], sample.STEPS[1], None)

    assert head("ok")
    assert not head("ok", expected=False)  # the shipped schedule: that is red
    assert not head("ok", fails=False)
    assert not head("error")
