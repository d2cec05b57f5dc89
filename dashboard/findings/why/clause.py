"""A clause of a proof, and the words that all of them use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from itertools import zip_longest

from dashboard.findings.why.history import Fact
from dashboard.findings.why.history import History
from interlock.frame import Place

MOST = 12  # clauses of a proof
EACH = 3  # of a kind


@dataclass(frozen=True)
class Clause:
    """One claim about one step. `claim` says what kind it is, and so what in that step makes it true:

    started: the first task made the others. opened: the first task used the session, which the last one had made.
    inside: each task is inside the session. waits: the task waits. held: and it had taken the connection.
    blocked: the first connection waits for the others.
    asked, called, ended, sent, replied, took, used, returned, orphaned, since, disposed: an event of that step says so.
    stale: the task sent a query to a replica that was behind. caught: the replica caught up.
    fresh: it sent one to a replica that had caught up. primary: one to the primary while the replica was behind.
    cancelled: the task was cancelled inside the session. left: the tasks were cancelled.
    failed, refused, met, awaited: the task met its error there.
    fault: the schedule chose it. broken, stood: how the run ended.
    alone: each session was used by one of the tasks only, or one task used all there were.
    in turn: no two of the tasks were ever seen inside it at once.
    """

    claim: str
    step: int
    text: str
    tasks: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    place: Place | None = None
    gist: str = ""  # of the clause on which the others turn: what happened, in words for whoever reads nothing else
    remedy: str = ""  # of the same clause: what to do against that very thing
    more: tuple[Place, ...] = ()  # further lines in which the same was done, or that `place` called for it
    calls: tuple[Place, ...] = ()  # the program's own calls that led to `place`, outermost first

    @property
    def places(self) -> tuple[Place, ...]:
        return (self.place, *self.more) if self.place is not None else ()


APART = (
    "Give each task a session of its own, opened inside the task. Or let one place commit and roll back, after all who "
    "use the session are done."
)

ONE_ENGINE = (
    "The session has two engines, and so two transactions. Open it with one engine; or have its `get_bind()` stay with "
    "the writer once something was written or is to be locked."
)


def apart(history: History, ender: str, others: Iterable[str], session: str) -> str:
    """What to do where a task ended a session that others still used: its own tasks, or some beside it."""
    its = [history.name(one) for one in dict.fromkeys(others) if one != ender and history.under(one, ender)]
    if not its:
        return APART
    alone = f"or let {listed(its)} open {'a session of its' if len(its) == 1 else 'sessions of their'} own"
    return f"Let {history.name(ender)} wait for {listed(its)} before it ends session {session}, {alone}."


def sending(history: History, fact: Fact, more: str, gist: str = "", remedy: str = "") -> Clause:
    task, label = fact.event.task or "", fact.event.connection or ""
    text = f"{history.name(task)} sent {command(fact)} on {label}, {more}"
    place, calls = history.place(task, fact.step), history.calls(task, fact.step)
    return Clause("sent", fact.step, text, (task,), (), (label,), place, gist, remedy, calls=calls)


def told_apart(clauses: Sequence[Clause]) -> list[Clause]:
    """Where several speak of one line, mostly of a helper, each names the call that led there, if these differ."""
    found: dict[Place | None, list[tuple[Place, ...]]] = {}
    for one in (one for one in clauses if one.calls):
        found.setdefault(one.place, []).append(one.calls[::-1])
    told = []
    for one in clauses:
        levels = zip_longest(*found.get(one.place, ()))  # of all of them, the innermost call first
        at = next((at for at, calls in enumerate(levels) if len(set(calls)) > 1), len(one.calls))
        if one.place is not None and at < len(one.calls):
            told.append(replace(one, place=one.calls[-1 - at], more=(one.place, *one.more)))
        else:
            told.append(one)
    return told


def command(sent: Fact) -> str:
    return sent.event.text.partition(f" on {sent.event.connection}")[0]


def session_on(history: History, sent: Fact) -> str | None:
    """The session that had taken the connection on which something was sent."""
    taken = last(one for one in history.told("attach", connection=sent.event.connection) if one.before(sent))
    return taken.event.session if taken else None


def statement(sent: Fact) -> str:
    return sent.event.text.partition(f" on {sent.event.connection}")[2].partition(": ")[2]


def of_library(sent: Fact) -> bool:
    """Whether a query is one of those that the libraries send when they connect, to know whom they have."""
    return bool(re.search("pg_catalog|current_schema", sent.event.text))


def number(text: str) -> str:
    return text.rpartition(" ")[2]


def listed(items: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def were(items: list[str]) -> str:
    return "was" if len(items) == 1 else "were"


def last(facts: Iterable[Fact]) -> Fact | None:
    return next(reversed(list(facts)), None)
