"""The comparison of patterns: a row for each way to do the work, and in each cell what a run answers, with that run."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from dashboard.catalogue.patterns import Experiment
from dashboard.catalogue.patterns import Pattern
from dashboard.catalogue.patterns import Patterns
from dashboard.presenters import words
from dashboard.presenters.polling import CALM
from dashboard.presenters.polling import Poll
from dashboard.presenters.words import Mark
from dashboard.runs.facts import Facts
from dashboard.store.records import RunRow

TIME = re.compile(
    r"(?P<program>\w+): (?P<ms>[0-9.]+) ms with queries of (?P<pace>[0-9]+) ms, median of (?P<tries>[0-9]+)"
)
"""What the program that measures prints of each way."""

YES = Mark("yes", "✓", "good")
NO = Mark("no", "✕", "bad")
REFUSED = Mark("refused", "✕", "bad")
UNKNOWN = Mark("not checked", "?", "warn")
_MARKS = {True: YES, False: NO, None: UNKNOWN}
NOT_RUN = Mark("no run yet", "○", "quiet")


@dataclass(frozen=True)
class Answer:
    """What one run says to a question, or how far it is."""

    mark: Mark | None  # None: the text says it all
    text: str = ""
    run: int | None = None

    @property
    def label(self) -> str:
        return f"{self.mark.word if self.mark else ''} {self.text}".strip()


@dataclass(frozen=True)
class PatternRow:
    program: str
    title: str
    refused: Answer | None  # it cannot even do the work: nothing else is to be said of it
    cells: tuple[tuple[Answer, ...], ...]  # as COLUMNS
    times: tuple[Answer, ...]  # as the page's paces
    lines: int
    demands: str


COLUMNS = (
    (
        "Parallel?",
        "How many statements are under way at the same time, at most, in the run in which nothing is done to it.",
    ),
    (
        "One snapshot?",
        "Somebody else commits after its first query and before its end: do all parts have the same price?",
    ),
    (
        "Atomic if a part fails?",
        "The backend of one part is ended in its query: is the order there whole or not at all?",
    ),
    (
        "Atomic if the process dies?",
        "All connections end at once between two commits, or with the only one on its way. To see it recovered, the "
        "connection that commits is dropped at that moment, and the recovery runs afterwards.",
    ),
    ("Connections", "How many it holds at the same time, at most."),
)


@dataclass(frozen=True)
class PatternsPage:
    title: str
    incident: str
    summary: str
    stack: str
    advice: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    paces: tuple[int, ...]
    rows: tuple[PatternRow, ...]
    total: int
    done: int
    begun: int
    baseline: str
    tries: str  # orders that a time is the median of, if any was measured
    machine: str
    rev: str
    poll: Poll | None

    @property
    def busy(self) -> bool:
        return self.done < self.begun


Tell = Callable[[RunRow], Facts | None]


UNFINISHED = ("diverged", "invalid", "interrupted", "stopped", "limit")
"""Ends that say nothing of the program."""


def page(patterns: Patterns, rows: Iterable[RunRow], tell: Tell, machine: str) -> PatternsPage:
    """`rows` are the newest runs of the incident, `tell` says what a finished one has found out."""
    runs = {Experiment(row.program, row.mode, row.schedule): row for row in rows}
    wanted = [runs.get(one) for one in patterns.experiments]
    begun = [row for row in wanted if row is not None]
    over = [row for row in begun if row.over]
    timed = runs.get(patterns.timing)
    measured = tell(timed) if timed is not None and timed.over else None
    times = _times(measured.said if measured else ())
    tries = next((match["tries"] for match in map(TIME.match, measured.said if measured else ()) if match), "")
    # The columns are there before anything was measured.
    paces = tuple(sorted({pace for _, pace in times})) or (0, 5, 20)
    rev = f"{sum(row.id for row in begun)}-{sum(row.rev for row in begun)}"
    busy = len(over) < len(begun)
    return PatternsPage(
        title=patterns.incident.title,
        incident=patterns.incident.name,
        summary=patterns.incident.summary,
        stack=patterns.stack,
        advice=patterns.advice,
        columns=COLUMNS,
        paces=paces,
        rows=tuple(_row(patterns, one, runs, tell, times, paces, timed) for one in patterns.patterns),
        total=len(wanted),
        done=len(over),
        begun=len(begun),
        baseline=patterns.baseline,
        tries=tries,
        machine=machine,
        rev=rev,
        poll=Poll(f"/patterns/live?rev={rev}", CALM) if busy else None,
    )


def _row(
    patterns: Patterns,
    pattern: Pattern,
    runs: Mapping[Experiment, RunRow],
    tell: Tell,
    times: Mapping[tuple[str, int], float],
    paces: tuple[int, ...],
    timed: RunRow | None,
) -> PatternRow:
    def ask(question: str, answer: Callable[[Facts], Answer]) -> Answer | None:
        experiment = pattern.experiments.get(question)
        if experiment is None:
            return None
        row = runs.get(experiment)
        told = tell(row) if row is not None and row.over else None
        if row is None or told is None or told.outcome in UNFINISHED:
            return _state(row)
        return replace(answer(told), run=row.id)

    def rule(name: str, text: str = "") -> Callable[[Facts], Answer]:
        return lambda told: Answer(_MARKS[told.holds.get(name)], text)

    plain = runs.get(pattern.experiments["plain"])
    refused = plain is not None and plain.over and plain.outcome == "error"
    asked = (
        (ask("plain", lambda told: Answer(YES if told.at_once > 1 else NO, f"{told.at_once} at once")),),
        (ask("changes", rule(patterns.same)),),
        (ask("fails", rule(patterns.whole)),),
        (ask("dies", rule(patterns.whole)), ask("recovers", rule(patterns.whole, "once recovered"))),
        (ask("plain", lambda told: Answer(None, str(told.connections))),),
    )
    program = pattern.program.name
    base = patterns.baseline
    return PatternRow(
        program=program,
        title=pattern.program.title,
        refused=Answer(REFUSED, _error(pattern, patterns.stack, plain), plain.id)
        if refused and plain is not None
        else None,
        cells=tuple(tuple(one for one in cell if one is not None) for cell in asked),
        times=tuple(
            _time(times.get((program, pace)), times.get((base, pace)), program == base, timed) for pace in paces
        ),
        lines=pattern.lines,
        demands=pattern.demands,
    )


def _error(pattern: Pattern, stack: str, row: RunRow) -> str:
    """What it is refused with: the error that is declared, if the run has met that one."""
    declared = pattern.program.expectations.get(stack)
    return declared.error if declared and declared.error and row.expected else words.driver_first(row.summary or "")


def _state(row: RunRow | None) -> Answer:
    """How far a run is that has no answer, or why it has none."""
    return Answer(NOT_RUN) if row is None else Answer(words.of_run(row.status, row.outcome), "", row.id)


def _times(said: Iterable[str]) -> dict[tuple[str, int], float]:
    """Milliseconds by program and pace."""
    found = {}
    for text in said:
        for match in TIME.finditer(text):
            found[match["program"], int(match["pace"])] = float(match["ms"])
    return found


def _time(mine: float | None, base: float | None, is_base: bool, timed: RunRow | None) -> Answer:
    if mine is None or timed is None:
        return _state(timed)
    relative = "" if is_base or not base else f" · {mine / base:.2f}×"
    return Answer(None, f"{mine:.1f} ms{relative}", timed.id)
