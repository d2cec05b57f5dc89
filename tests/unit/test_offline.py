"""What a file that leaves the house holds: which steps, no secrets, and colours that any program can show."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dashboard.config import resource
from dashboard.findings.why import History
from dashboard.findings.why.turn import Turn
from dashboard.findings.why.turn import turn
from dashboard.gallery import sample
from dashboard.presenters import offline
from dashboard.presenters.offline import MOST_STEPS
from dashboard.redaction import without_secrets
from interlock.frame import Event
from interlock.frame import Step


@given(st.integers(0, 50_000), st.integers(0, 50_000), st.integers(0, 2000))
def test_a_file_holds_the_step_in_question_and_a_bearable_number_of_others(last: int, around: int, tasks: int) -> None:
    around = min(around, last)
    first, end = offline.stretch(last, around, tasks)
    assert 0 <= first <= around <= end <= last
    assert end - first < MOST_STEPS
    assert (end - first) * tasks <= offline.MOST_WORK


def test_a_short_run_is_whole() -> None:
    assert offline.stretch(28, 28, 4) == (0, 28)


def test_equal_fragments_are_packed_once() -> None:
    made: list[int] = []

    def steps() -> Iterator[list[str]]:
        for number, html in enumerate(("<b>", "<i>")):
            made.append(number)
            yield ["<p>ä", html]

    pieces = offline.packed(7, steps())
    assert not made  # it begins before anything is drawn
    data = json.loads(zlib.decompress(base64.b64decode("".join(pieces))))
    assert data == {"first": 7, "steps": [[0, 1], [0, 2]], "fragments": ["<p>ä", "<b>", "<i>"]}


def test_a_drawing_has_light_colours_spelled_out() -> None:
    tokens, rules = (resource(f"static/css/{name}.css").read_text("utf-8") for name in ("tokens", "timeline"))
    style = offline.drawing_style(tokens, rules)
    assert not any(word in style for word in ("var(", "light-dark", "color-mix", "url("))
    assert ".bar.statement { fill: #e6effa; stroke: #155bb0; }" in style
    assert ".lanes .row { stroke: #d5dae1;" in style


def told(*steps: Step) -> Turn | None:
    history = History()
    for step in steps:
        history.add(step)
    return turn(history)


def test_the_turn_is_the_first_sharing_or_orphan() -> None:
    shared = sample.STEPS[0].frame.sessions
    alone = replace(sample.STEPS[0].frame, sessions=tuple(replace(one, tasks=one.tasks[:1]) for one in shared))
    calm = replace(sample.STEPS[0], frame=alone)
    orphan = Event("orphan", "c1 is an orphan: s1 no longer knows it", "t2", "c1", "s1")
    lost = replace(calm, number=1, events=(orphan,))
    assert told(calm) is None
    assert told(calm, lost) == Turn(1, "orphan", orphan.text)
    text = "“first”, “second” and “third” are inside a call of session s1 at once"
    assert told(calm, replace(sample.STEPS[0], number=1), replace(lost, number=2)) == Turn(1, "sharing", text)


def test_what_holds_no_secret_stays_what_it_is_and_what_stands_twice_is_looked_at_once() -> None:
    said = Event("stdout", "password=sesame", "t1")
    step = replace(sample.STEPS[1], events=(said, said))
    [hidden] = without_secrets((step,))
    assert [one.text for one in hidden.events] == ["password=***", "password=***"]
    assert hidden.events[0] is hidden.events[1]
    assert hidden.frame is step.frame
    assert step.events == (said, said)
