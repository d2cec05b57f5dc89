"""What came of a run, explained in one paragraph of plain words.

The texts are data, `symptoms.toml`; this module decides which one applies. The last line of a traceback is often not
the one to read: a rollback or a close that cleans up after an error fails in its turn and hides it. So of a chain of
errors the *first* is explained, and said to be so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.findings.why import Clause
from dashboard.findings.why.failure import passed_on
from dashboard.findings.why.headline import remedy
from dashboard.findings.why.turn import Turn
from interlock.frame import End
from interlock.frame import ErrorView
from interlock.frame import Header
from interlock.frame import TaskOutcome
from interlock.words import first_line


@dataclass(frozen=True)
class Explanation:
    """One paragraph about a run, and where to read on."""

    title: str
    text: str
    links: tuple[str, ...] = ()
    family: str = ""  # "" where the errors are none that we know
    error: str = ""  # the error that is explained, as "Type: message"
    task: str = ""  # the name of the task that raised it
    means: str = ""  # of the text, the sentence that says what it comes to
    advice: str = ""  # and the one that says what to do
    message: str = ""  # what the words of an error that a library raised refer to


@dataclass(frozen=True)
class Symptom:
    """An entry of symptoms.toml."""

    family: str
    title: str
    patterns: tuple[re.Pattern[str], ...]
    means: str
    why: str
    advice: str
    links: tuple[str, ...]
    versions: str = ""
    words: Mapping[str, str] = field(default_factory=dict)  # of the error, and what they refer to

    def message(self, error: str) -> str:
        """What the words of an error refer to."""
        return next((means for word, means in self.words.items() if word in error), "")

    def fits(self, error: str, version: str) -> bool:
        return in_range(version, self.versions) and any(pattern.search(error) for pattern in self.patterns)


@cache
def _data() -> dict[str, Any]:
    with Path(__file__).with_name("symptoms.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def symptoms() -> tuple[Symptom, ...]:
    """All that is known of error texts, in the order in which it is tried."""
    return tuple(
        Symptom(**entry | {"patterns": tuple(map(re.compile, entry["patterns"])), "links": tuple(entry["links"])})
        for entry in _data()["symptom"]
    )


def diagnose(error: str, version: str = "") -> Symptom | None:
    """What an error means, given as "Type: message", under a version of SQLAlchemy; "" if that is not known."""
    return next((symptom for symptom in symptoms() if symptom.fits(error, version)), None)


def in_range(version: str, bounds: str) -> bool:
    """Whether a version lies within bounds such as ">=2.0.17,<2.1". One that is not known lies within all.

    >>> in_range("2.0.9", ">=2.0.17"), in_range("2.1.0b1", ">=2.0.17,<2.2"), in_range("", "<2")
    (False, True, True)
    """
    if not version:
        return True
    for bound in filter(None, bounds.split(",")):
        if bound.startswith(">="):
            good = _numbers(version) >= _numbers(bound[2:])
        else:
            good = _numbers(version) < _numbers(bound[1:])
        if not good:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def explain(end: End, header: Header | None = None, proof: Sequence[Clause] = ()) -> Explanation | None:
    """The paragraph about this end; None for a run that went well, or that somebody stopped.

    Where there is a proof it is about the error which that proves.
    """
    if end.outcome == "error":
        proven = next((one.tasks for one in proof if one.claim == "met"), ())
        return _of_errors(end, header.versions.get("sqlalchemy", "") if header else "", proven)
    killed = end.outcome == "crash" and end.schedule.endswith("=e")
    words = _data()["outcome"].get("killed" if killed else end.outcome)
    if words is None:
        return None
    told = {
        "pending": _pending(end),
        "where": _where(end.detail),
        "detail": sentence(end),
        "rules": _rules(_broken(end)),
        "left": f" What it left breaks {_rules(_broken(end))}." if _broken(end) else "",
    }
    means, text = (words.get(part, "").format(**told) for part in ("means", "text"))
    return Explanation(words["title"], _join([means, text]), tuple(words.get("links", ())), means=means)


def advised(explanation: Explanation | None, proof: Sequence[Clause], turn: Turn | None) -> Explanation | None:
    """What to do: what is known of such an error, else what the proof shows, else where the steps show a mistake.

    Of an end that the proof explains nothing more is said of what such an end mostly comes of.
    """
    if explanation is None:
        return None
    found = remedy(proof)
    if explanation.family:
        # What is said of tasks of this very run is enough; else what is known of the error knows better.
        return replace(explanation, advice=found) if "“" in found else explanation
    if found and not explanation.error:
        return replace(explanation, text=_join([explanation.means, found]), advice=found)
    advice = found or explanation.advice
    if turn is not None and not proof and explanation.error:
        wrong = f"At step {turn.step} something is wrong whatever came of it: {turn.text}. Mend that first."
        advice = _join([advice, wrong])
    return replace(explanation, text=_join([explanation.text, advice]), advice=advice)


def _of_errors(end: End, version: str, proven: Sequence[str]) -> Explanation | None:
    found = next(_candidates(end, version, proven), None)
    if found is None:
        return None
    task, error, symptom = found
    words = [_raised(end, task, error), _masked(task, error)]
    if symptom is None:
        words.append("It is none of the errors that Interlock knows; your own lines are marked in the traceback.")
        title = f"{_short(error.type)} in task “{task.name}”"
        return Explanation(title, _join(words), error=_line(error), task=task.name, advice=_begin(error))
    message = symptom.message(error.message) if error.stack and not error.stack[-1].ours else ""
    words += [message, symptom.means, symptom.why, symptom.advice]
    if broken := _broken(end):
        words.append(f"Besides, this is broken: {_rules(broken)}.")
    return Explanation(
        symptom.title,
        _join(words),
        symptom.links,
        symptom.family,
        _line(error),
        task.name,
        symptom.means,
        symptom.advice,
        message,
    )


def _candidates(
    end: End, version: str, proven: Sequence[str]
) -> Iterator[tuple[TaskOutcome, ErrorView, Symptom | None]]:
    """Errors worth a paragraph, the best first: one that is known, of the task that is proven to have met it first,
    else of one whose error ended the program.
    """
    failed = [task for task in end.tasks if task.errors and task.outcome == "error"]
    fatal = _line(end.tasks[0].errors[0]) if end.tasks and end.tasks[0].errors else ""
    # The first task is the program's own; an error that it passed on came from one that raised the same.
    failed.sort(
        key=lambda task: (
            task.id not in proven,
            not (fatal and _line(task.errors[0]) == fatal),
            task is end.tasks[0],
        )
    )
    for task in failed:
        for error in _from_first(task):
            if symptom := diagnose(f"{error.type}: {error.message}", version):
                yield task, error, symptom
                break
    for task in failed:
        yield task, next(_from_first(task)), None


def _from_first(task: TaskOutcome) -> Iterator[ErrorView]:
    """A task's errors in the order in which they came. That it was cancelled is how a time-out looks from within."""
    errors = [error for error in reversed(task.errors) if _short(error.type) != "CancelledError"]
    yield from errors or task.errors


def _raised(end: End, task: TaskOutcome, error: ErrorView) -> str:
    others = [
        other
        for other in end.tasks
        if other is not task and other.outcome == "error" and any(_line(e) == _line(error) for e in other.errors)
    ]
    passing = [other for other in others if any(passed_on(other.errors[0], one) for one in task.errors)]
    also, through = (
        _and([f"“{other.name}”" for other in some])
        for some in ([other for other in others if other not in passing], passing)
    )
    told = f"“{task.name}” met {_line(error)}"
    told += (f"; so did {also}" if also else "") + (f"; {through} passed it on" if through else "")
    return told if told.endswith(("?", "!", ".")) else f"{told}."


def _masked(task: TaskOutcome, error: ErrorView) -> str:
    """Says so if the error that is explained is not the one that the traceback ends with, or not where it began."""
    first, last = next(_from_first(task)), task.errors[0]
    if error is not first:
        return f"It is not where it began: the first error was {_line(first)}, which this one hides."
    # The library's wrapping of a driver's error repeats it, but on 2.1 without the DETAIL that follows.
    if error is last or error.message.partition("\n")[0] in last.message:
        return ""
    return f"That is the first error; the one that the traceback ends with, {_line(last)}, only came of it."


def _begin(error: ErrorView) -> str:
    """Of an error that nobody knows: the line of the program where it came up."""
    own = next((place for place in reversed(error.stack) if place.ours and not place.file.startswith("<")), None)
    return f"Begin at {own.file}, line {own.line}, where it came up: `{own.text}`." if own else ""


def _line(error: ErrorView) -> str:
    """An error as the last line of a traceback has it, without the lines that follow in its message."""
    message = first_line(error.message).partition(" (Background on this error at")[0]
    return f"{_short(error.type)}: {message}" if message else _short(error.type)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _and(items: list[str]) -> str:
    """
    >>> _and(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def _broken(end: End) -> list[str]:
    return [invariant.name for invariant in end.invariants if invariant.holds is False]


def _rules(names: list[str]) -> str:
    return f"the rule{'s' if len(names) > 1 else ''} {_and([f'“{name}”' for name in names])}"


def _pending(end: End) -> str:
    names = [f"“{task.name}”" for task in end.tasks if task.outcome == "pending"]
    return f" Unfinished: {_and(names)}." if names else ""


def _where(stack: str) -> str:
    """The innermost place of a stack as faulthandler writes it."""
    found = re.search(r'File "([^"]+)", line (\d+) in (\S+)', stack)
    return f" It stands in {found[3]}, {Path(found[1]).name} line {found[2]}." if found else ""


def sentence(end: End) -> str:
    """What the engine said of this end, without the stack that follows; of a syntax error also its last line."""
    lines = [line.strip() for line in end.detail.splitlines() if line.strip()]
    if end.outcome == "invalid" and len(lines) > 1:
        lines[0] = f"{lines[0]}: {lines[-1]}"
    return re.sub(r"(?<![.!?:])$", ".", lines[0]) if lines else ""


def _join(words: list[str]) -> str:
    return " ".join(filter(None, words))
