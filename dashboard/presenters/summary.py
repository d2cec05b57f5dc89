"""A run as text to take away: a page of Markdown for the post-mortem, and one line for a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.findings.explain import Explanation
from dashboard.findings.why import Clause
from dashboard.findings.why import title
from dashboard.findings.why.headline import headline
from dashboard.presenters import words
from dashboard.presenters.happened import raised_in
from dashboard.presenters.outcome import command
from dashboard.store.records import Note
from dashboard.store.records import RunRecord
from interlock.frame import End
from interlock.frame import Step
from interlock.frame import TaskOutcome

MOST = 20
"""So many steps are listed; a reader of a summary wants the few that matter."""


@dataclass(frozen=True)
class Moment:
    """A step that matters, and why it does."""

    number: int
    caption: str
    why: tuple[str, ...]


def moments(steps: Iterable[Step]) -> tuple[Moment, ...]:
    """The steps at which somebody chose otherwise, a connection was orphaned, or a task raised."""
    return tuple(Moment(step.number, step.text, why) for step in steps if (why := tuple(_reasons(step))))


def _reasons(step: Step) -> Iterator[str]:
    if step.choice is not None and not step.choice.default:
        yield "chosen; by default something else would have come"
    yield from (event.text for event in step.events if event.kind == "orphan")
    yield from raised_in(step)


def line(run: RunRecord) -> str:
    """The run in one line, without its address."""
    how = words.of_run(run.status, run.outcome).word
    said = words.cut(words.driver_first(" ".join((run.summary or "").split())), 200)
    called = f" “{words.cut(run.title, 120)}”" if run.title else ""
    what = f"{run.incident}/{run.program} on {run.stack}"
    return f"Interlock run {run.id}{called}: {what}: {how}{f', {said}' if said else ''}"


def markdown(
    run: RunRecord,
    told: tuple[Moment, ...],
    *,
    incident_title: str,
    explanation: Explanation | None,
    proof: tuple[Clause, ...],
    notes: Sequence[Note] = (),
    url: str,
) -> str:
    """The whole summary. What comes from the program stands as code or is escaped: it is never markup."""
    came = words.driver_first(run.summary or "the run is not over")
    parts = [
        f"# {_text(incident_title)}: {_text(run.program)} on {_text(run.stack)}",
        f"**{words.of_run(run.status, run.outcome).word}**: {_text(came)}",
        "\n".join(_facts(run, url)),
    ]
    if run.end is not None and run.end.tasks:
        parts += ["## What came of each task", "\n".join(_task(task) for task in run.end.tasks)]
    if run.end is not None and run.end.invariants:
        parts += ["## Rules of the data", "\n".join(_rules(run.end))]
    if proof and run.end is not None:
        said = headline(proof, run.end)
        clauses = "\n".join(_clause(one, url) for one in proof)
        parts += [f"## {title(run.end)}", *([_text(said)] if said else []), clauses]
    if explanation is not None:
        parts += [f"## {_text(explanation.title)}", _paragraph(explanation.text)]
        parts += ["\n".join(f"- <{link}>" for link in explanation.links)] if explanation.links else []
    if notes:
        parts += ["## Notes", "\n".join(_note(one, url) for one in notes)]
    if told:
        parts += ["## Choices, orphans, errors", "\n".join(_steps(told, url))]
    parts += ["## Again", *_again(run)]
    return "\n\n".join(parts) + "\n"


def _facts(run: RunRecord, url: str) -> Iterator[str]:
    versions = run.header.versions if run.header else {}
    yield f"- run {run.id}, {words.count(max(0, run.steps), 'step')}, {words.clock(run.ended or run.created)}: <{url}>"
    if versions:
        yield "- versions: " + ", ".join(f"{_text(name)} {_text(version)}" for name, version in versions.items())
    if run.title:
        yield f"- {_text(run.title)}" + (f" (a branch of run {run.parent})" if run.parent else "")
    if run.expected is not None:
        yield "- this is " + ("what" if run.expected else "not what") + " the incident declares for this stack"


def _task(task: TaskOutcome) -> str:
    mark = words.TASK_STATES.get(task.outcome) or words.unknown(task.outcome)
    said = words.error(task.errors[0].type, task.errors[0].message) if task.errors else task.value
    first = task.errors[-1] if len(task.errors) > 1 else None
    began = f"; it began with {_code(words.error(first.type, first.message))}" if first else ""
    return f"- **{_text(task.name)}** {mark.word}{f' {_code(said)}' if said else ''}{began}"


def _rules(end: End) -> Iterator[str]:
    for one in end.invariants:
        word = {True: "holds", False: "**broken**", None: "not checked"}[one.holds]
        yield f"- {word}: {_text(one.name)}{f': {_code(one.detail)}' if one.detail else ''}"


def _clause(one: Clause, url: str) -> str:
    places = "".join(f" {_code(f'{place.file}:{place.line}')}" for place in one.places)
    return f"- [step {one.step}]({url}?step={one.step}): {_text(one.text)}{places}"


def _note(one: Note, url: str) -> str:
    who = f" {_text(one.actor)}:" if one.actor else ""
    return f"- [step {one.step}]({url}?step={one.step}):{who} {_text(one.text) or 'marked'}"


def _steps(told: tuple[Moment, ...], url: str) -> Iterator[str]:
    # The last ones, where it fails, say more than the first.
    if len(told) > MOST:
        yield f"- … {words.count(len(told) - MOST, 'earlier step')} left out"
    for one in told[-MOST:]:
        yield f"- [step {one.number}]({url}?step={one.number}): {_text(one.caption)}. *{_text('; '.join(one.why))}*"


def _again(run: RunRecord) -> Iterator[str]:
    if run.mode == "natural":
        yield "Nothing held the replies of this run, so it has no schedule. The same program, free again:"
    schedule = None if run.mode == "natural" else run.end.schedule if run.end else run.schedule
    yield f"```console\n$ {command(run.incident, run.program, run.stack, schedule)}\n```"


def _text(text: str) -> str:
    """Text as itself, on one line."""
    return _MARKUP.sub(r"\\\g<0>", words.visible(" ".join(text.split())))


def _code(text: str) -> str:
    """Text as code: between more backticks than it holds in a row."""
    text = words.visible(" ".join(text.split()))
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def _paragraph(text: str) -> str:
    """An explanation, in which code stands between backticks already."""
    pieces = words.spans(words.visible(text))
    return "".join(_code(piece) if code else _MARKUP.sub(r"\\\g<0>", piece) for code, piece in pieces)


_MARKUP = re.compile(r"[\\`*_\[\]<>|#~]")
