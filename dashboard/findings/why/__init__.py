"""Why a run ended as it did: a proof from its own journal, a clause for each step that matters. Of a run that ended
well it tells how it went: what it met on its way.

Nothing here is told from what an error usually means (that is `explain`). Every clause claims something of one step
that its frame or its events show, and the rules only choose which steps to tell: who was inside the session, who ended
its transaction, whose statement was in flight, who waited for whom. Where no rule applies there is no proof.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace

from dashboard.findings.why.clause import MOST
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import told_apart
from dashboard.findings.why.connections import aborted
from dashboard.findings.why.connections import closed
from dashboard.findings.why.connections import deadlock
from dashboard.findings.why.connections import dirty
from dashboard.findings.why.connections import in_flight
from dashboard.findings.why.connections import other_loop
from dashboard.findings.why.connections import replanned
from dashboard.findings.why.connections import serialized
from dashboard.findings.why.connections import stream_ended
from dashboard.findings.why.data import of_data
from dashboard.findings.why.data import orphaned
from dashboard.findings.why.failure import Failure
from dashboard.findings.why.failure import awaited
from dashboard.findings.why.failure import find
from dashboard.findings.why.failure import interference
from dashboard.findings.why.failure import left
from dashboard.findings.why.failure import met
from dashboard.findings.why.history import History
from dashboard.findings.why.origin import origin
from dashboard.findings.why.pool import starved
from dashboard.findings.why.replica import read_only
from dashboard.findings.why.replica import stale
from dashboard.findings.why.sessions import cancelled_inside
from dashboard.findings.why.sessions import ended_by_another
from dashboard.findings.why.sessions import failed_before
from dashboard.findings.why.sessions import let_go
from dashboard.findings.why.sessions import refused
from dashboard.findings.why.sessions import unawaited
from dashboard.findings.why.still import died
from dashboard.findings.why.still import stood_still
from dashboard.findings.why.still import waits
from dashboard.findings.why.withstood import withstood
from interlock.frame import End
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step

__all__ = ["Clause", "History", "as_data", "as_lines", "of_journal", "title", "why"]


def of_journal(messages: Iterable[Message]) -> tuple[Clause, ...]:
    """The proof of a whole journal; none while it has no end."""
    history, header = History(), None
    for message in messages:
        if isinstance(message, Step):
            history.add(message)
        elif isinstance(message, Header):
            header = message
        elif isinstance(message, End):
            return why(history, message, header.sources if header else {})
    return ()


def why(history: History, end: End, sources: Mapping[str, str]) -> tuple[Clause, ...]:
    """The clauses, in the order of their steps; none where nothing could be derived."""
    if history.last.number < 0:
        return ()
    if end.outcome == "ok":
        return tuple(told_apart(_few(withstood(history))))
    if end.outcome == "stuck":
        found = waits(history)
    elif end.outcome == "hang":
        found = stood_still(history, end, sources)
    elif end.outcome == "crash":
        found = died(history, end, sources)
    elif end.outcome in ("error", "silent"):
        found = _of_error(history, end, sources) + of_data(history, end)
    else:
        found = []
    return tuple(told_apart(_few([*origin(history, found), *found])))


def title(end: End) -> str:
    """What the clauses of such an end tell of."""
    return "How it went" if end.outcome == "ok" else "Why"


def as_data(clauses: Iterable[Clause]) -> list[dict[str, object]]:
    """The proof for scripts."""
    return [
        {
            "step": one.step,
            "text": one.text,
            "tasks": list(one.tasks),
            "sessions": list(one.sessions),
            "connections": list(one.connections),
            "file": one.place.file if one.place else None,
            "line": one.place.line if one.place else None,
        }
        for one in clauses
    ]


def as_lines(clauses: Iterable[Clause]) -> list[str]:
    """The proof for people at a terminal."""
    return [f"step {one.step}: {one.text}{_lines(one)}" for one in clauses]


def _lines(one: Clause) -> str:
    found: dict[str, list[str]] = {}
    for place in one.places:
        found.setdefault(place.file, []).append(str(place.line))
    told = [f"{file}, line{'s' if len(lines) > 1 else ''} {listed(lines)}" for file, lines in found.items()]
    return f" ({'; '.join(told)})" if told else ""


_ORDER = {  # within a step; what is not named here is 0
    "started": -3,
    "opened": -2,
    "failed": -1,
    "refused": 1,
    "returned": 1,
    "took": 1,
    "since": 1,
    "met": 2,
    "awaited": 3,
    "left": 4,
    "broken": 5,
}
_ENDS = 4  # so many of the last clauses are told of whatever proof


def _few(clauses: list[Clause]) -> list[Clause]:
    """Each once, in order; of too many the first and, above all, the last."""
    told: dict[object, Clause] = {}
    for one in clauses:
        sent = (one.claim, one.step, one.tasks, one.connections)
        told.setdefault(sent if one.claim == "sent" else one, one)
    calls = {(one.step, one.tasks[0], one.place) for one in told.values() if one.claim == "refused"}
    once = sorted(told.values(), key=lambda one: (one.step, _order(one, calls)))
    return once if len(once) <= MOST else [*once[: MOST - _ENDS], *once[-_ENDS:]]


def _order(one: Clause, calls: Collection[object]) -> int:
    """Where a clause stands among those of its step. What a call that was refused has ended itself, comes after it."""
    by_refused = one.claim == "ended" and (one.step, one.tasks[0], one.place) in calls
    return _ORDER["refused"] if by_refused else _ORDER.get(one.claim, 0)


def _of_error(history: History, end: End, sources: Mapping[str, str]) -> list[Clause]:
    """The first failure that can be explained, after those of its own tasks that cannot; and one that came of it."""
    failures = find(history, end, sources)
    for at, failure in enumerate(failures):
        found = interference(history, failure) + _rules(history, failure)
        if found:
            found += orphaned(history, failure.step)[:1]
            ended = next((clause for clause in found if clause.claim == "ended"), None)
            later = failures[at + 1 :]
            concerned = {task for one in found for task in one.tasks} | {one.task for one in later}
            before = [
                replace(met(history, one, None), claim="failed")
                for one in failures[:at]
                if any(one.task in history.family(task)[1:] for task in concerned)
            ]
            found += [met(history, failure, ended), *awaited(history, end, failure), *left(history, end, failure)]
            also = _innocent(history, later) or _likewise(history, later) or _with_it(history, failure, found, later)
            return [*before, *found, *also]
    return []


_SAID = (  # what an error says of itself, and the rule that tells how it came to that
    ("deadlock detected", deadlock),
    ("could not serialize access", serialized),
    ("cached statement plan is invalid|lookup failed", replanned),
    ('cursor cannot be created|portal ".*" does not exist', stream_ended),
    ("current transaction is aborted", aborted),
    ("another operation is in progress", in_flight),
    ("connection is closed", closed),
)
_RULES = (  # after that, and for any other error: the first that has something to tell
    let_go,
    failed_before,
    unawaited,
    other_loop,
    starved,
    ended_by_another,
    cancelled_inside,
    refused,
    dirty,
    stale,
    read_only,
)


def _rules(history: History, failure: Failure) -> list[Clause]:
    said = (rule for words, rule in _SAID if re.search(words, failure.error.message))
    return next(filter(None, (rule(history, failure) for rule in (*said, *_RULES))), [])


def _innocent(history: History, failures: Iterable[Failure]) -> list[Clause]:
    """Whoever failed later in a transaction that somebody else had left on its connection, or had made fail."""
    for failure in failures:
        spoilt = aborted(history, failure)
        if found := dirty(history, failure) or (spoilt if spoilt and spoilt[0].tasks != (failure.task,) else []):
            return [*found, met(history, failure, None)]
    return []


def _likewise(history: History, failures: Iterable[Failure]) -> list[Clause]:
    """Whoever else sent the replica what it does not take: each by a statement of its own, which shows all of them."""
    told = ((failure, read_only(history, failure)) for failure in failures)
    return [clause for failure, found in told if found for clause in (*found, met(history, failure, None))]


def _with_it(history: History, first: Failure, found: Sequence[Clause], failures: Iterable[Failure]) -> list[Clause]:
    """Whoever failed later and had a part in it: a task that the proof tells of, or that began the one that failed."""
    named = {task for one in found for task in one.tasks}
    for failure in failures:
        if failure.task in named or history.under(first.task, failure.task):
            used = [replace(one, gist="", remedy="") for one in refused(history, failure)[-1:]]
            return [*used, met(history, failure, None)]
    return []
