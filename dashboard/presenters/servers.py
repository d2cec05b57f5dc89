"""Servers as cards: what each is, and those of its settings that matter here, with what they should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from dashboard.presenters import words
from dashboard.presenters.words import Mark
from dashboard.servers.watch import Facts

UP = Mark("running", "●", "good")
DOWN = Mark("does not answer", "✕", "bad")
RESTING = Mark("not running", "○", "quiet", "It starts on demand: with the run that needs it.")

STATES = {"up": UP, "down": DOWN, "resting": RESTING}

PURPOSE = {
    "store": "Keeps runs, journals, the queue of jobs: what there is to back up.",
    "lab": "What programs are run on. Everything in it is fair game.",
    "replica": "Follows the lab, for programs that read from a standby.",
}

_UNITS = {"": 1, "B": 1, "kB": 1024, "MB": 1024**2, "us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}


@dataclass(frozen=True)
class Rule:
    """What a setting should be."""

    name: str
    should: str  # in words
    holds: Callable[[str], bool]
    why: str


def amount(value: str) -> float:
    """A setting as a number: milliseconds, bytes, or a count.

    >>> amount("200ms"), amount("1min"), amount("4kB"), amount("0")
    (200, 60000, 4096, 0)
    """
    found = re.fullmatch(r"(-?[0-9]+)([A-Za-z]*)", value)
    return int(found[1]) * _UNITS.get(found[2], 1) if found else -1


def _off(value: str) -> bool:
    return amount(value) == 0


def _on(value: str) -> bool:
    return value == "on"


_TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "idle_session_timeout")
_KILLERS = tuple(
    Rule(name, "0 (off)", _off, "The server would end a run that waits for somebody to choose.") for name in _TIMEOUTS
)

_LAB = (
    Rule(
        "default_transaction_isolation",
        "read committed",
        lambda v: v == "read committed",
        "Programs that ask for no other are declared for this one.",
    ),
    Rule("max_prepared_transactions", "more than 0", lambda v: amount(v) > 0, "Two-phase commits need it."),
    Rule("max_connections", "200 or so", lambda v: amount(v) >= 100, "Programs that exhaust pools hold many."),
    Rule("deadlock_timeout", "1s or less", lambda v: amount(v) <= 1000, "Where a run may not set its own."),
    Rule("wal_level", "replica or logical", lambda v: v in ("replica", "logical"), "Without it nothing can follow."),
    Rule("track_activities", "on", _on, "Else no step can tell what a backend does."),
    Rule("track_activity_query_size", "4kB or more", lambda v: amount(v) >= 4096, "Longer statements are shown cut."),
    Rule("lock_timeout", "0 (off)", _off, "Programs would fail that only wait."),
    Rule("autovacuum", "off", lambda v: v == "off", "It ends readers of a replica; a worker vacuums once an hour."),
    Rule("fsync", "on or off", lambda v: True, "Nothing in a lab outlives its run; off is faster."),
    *_KILLERS,
)

RULES: Mapping[str, tuple[Rule, ...]] = {
    "store": (
        Rule("fsync", "on", _on, "Else a power cut may take every journal."),
        Rule("full_page_writes", "on", _on, "Else a power cut may take every journal."),
        Rule("synchronous_commit", "on", lambda v: v != "off", "A step is promised to be durable before it is shown."),
        Rule("max_connections", "40 or more", lambda v: amount(v) >= 40, "Web and worker hold up to 30 of them."),
        Rule("statement_timeout", "0 (off)", _off, "The worker listens and waits for long."),
        Rule("idle_session_timeout", "0 (off)", _off, "The worker shows by a quiet session that it lives."),
    ),
    "lab": _LAB,
    "replica": (
        Rule("hot_standby", "on", _on, "Else it cannot be read from."),
        Rule("max_standby_streaming_delay", "1s or so", lambda v: 0 <= amount(v) <= 30_000, "How long replay waits."),
        Rule("hot_standby_feedback", "off", lambda v: v == "off", "On, it hides conflicts that programs should meet."),
        *_KILLERS,
    ),
}


def _any(value: str) -> bool:
    return True


WATCHED = (
    Rule("default_transaction_isolation", "", _any, "What transactions get that ask for no other."),
    Rule("max_connections", "", _any, "All pools of all processes together have to fit in."),
    Rule("deadlock_timeout", "", _any, "So long a lock is waited for before a circle is looked for."),
    Rule("lock_timeout", "", _any, "So long a lock is waited for at all; 0: without end."),
    Rule("statement_timeout", "", _any, "After that a statement is cancelled; 0: never."),
    Rule("idle_in_transaction_session_timeout", "", _any, "What is left open is ended after that; 0: never."),
    Rule("max_prepared_transactions", "", _any, "More than 0, or there is no two-phase commit."),
)
"""What is worth knowing of a server of others; how it should be is not for us to say."""


@dataclass(frozen=True)
class SettingLine:
    name: str
    value: str
    should: str
    right: bool
    why: str


@dataclass(frozen=True)
class ServerCard:
    name: str
    state: str  # up | down | resting
    purpose: str
    mark: Mark
    error: str  # why it does not answer
    todo: str
    facts: tuple[tuple[str, str], ...]
    version: str
    up: float | None  # seconds
    up_for: str
    doing: str  # what its sessions do, in a sentence
    connections: tuple[int, int] | None  # in use, at most
    crowded: bool
    settings: tuple[SettingLine, ...]
    wrong: int


def card(name: str, url: str | None, facts: Facts | None, error: str = "", followers: int | None = None) -> ServerCard:
    """`followers`: how many replicas the lab says it has, where nobody told us the replica's address."""
    lines = _settings(name, facts) if facts else ()
    state = "up" if facts else "resting" if url is None else "down"
    return ServerCard(
        name=name,
        state=state,
        purpose=PURPOSE.get(name, "Watched from here, read-only."),
        mark=STATES[state],
        version=facts.version if facts else "",
        up=facts.uptime if facts else None,
        up_for=words.seconds(facts.uptime) if facts else "",
        doing=_doing(facts) if facts else "",
        error=error,
        todo=_todo(name) if error else "",
        facts=(("Address", place(url) if url else RESTING.meaning), *_more(facts, followers if url is None else None)),
        connections=(facts.used, facts.most) if facts else None,
        crowded=facts is not None and facts.used > 0.8 * facts.most,
        settings=lines,
        wrong=sum(not one.right for one in lines),
    )


def place(url: str) -> str:
    """Where a server is, for a screen that others see: no user, no password.

    >>> place("postgresql://u:secret@db.example:5433/shop?sslmode=require")
    'db.example:5433, database shop'
    >>> place("postgresql://u@/postgres?host=/tmp/sockets&port=5432")
    'socket /tmp/sockets, database postgres'
    """
    parts = urlsplit(url)
    host = parts.hostname or (parse_qs(parts.query).get("host") or [""])[0]
    where = f"socket {host}" if host.startswith("/") else f"{host}:{parts.port}" if parts.port else host
    return f"{where}, database {parts.path.strip('/')}" if parts.path.strip("/") else where


def _more(facts: Facts | None, followers: int | None) -> list[tuple[str, str]]:
    if facts is None:
        return [] if followers is None else [("Fed by the lab now", str(followers or "none"))]
    found = [
        ("Version", f"PostgreSQL {facts.version}"),
        ("Up for", words.seconds(facts.uptime)),
        ("Role here", facts.role),
        (f"Database {facts.database}", words.size(facts.bytes)),
    ]
    found += [(f"Table {name}", words.size(size)) for name, size in facts.relations if size > 1_000_000]
    if facts.replay is not None:
        state, behind, age = facts.replay
        found += [("Replay", state), ("Behind", _behind(behind))]
        if age is not None:
            found.append(("Replayed last", f"what was committed {words.seconds(max(0.0, age))} ago"))
    elif facts.standby:
        found.append(("Replay", "unknown"))
    found += [(f"Followed by {name}", f"{state}, {_behind(behind)} behind") for name, state, behind in facts.replicas]
    return found


def _behind(value: float | None) -> str:
    return "unknown" if value is None else "nothing" if value <= 0 else words.size(value)


def _doing(facts: Facts) -> str:
    """What its sessions do, the worst first."""
    if facts.used <= 1:
        return "nobody is connected"  # but who asks
    said = [
        f"{facts.blocked} {'waits' if facts.blocked == 1 else 'wait'} for a lock" if facts.blocked else "",
        f"{facts.open} idle in a transaction" if facts.open else "",
        f"{facts.active - facts.blocked} active" if facts.active > facts.blocked else "",
    ]
    return ", ".join(filter(None, said)) or "all idle"


def found(cards: Iterable[ServerCard], search: str) -> tuple[ServerCard, ...]:
    """Those that a search fits; of one that only some settings fit, these."""
    wanted, hits = search.casefold(), []
    for one in cards:
        settings = tuple(line for line in one.settings if wanted in line.name)
        if wanted in " ".join((one.name, one.purpose, one.version, one.mark.word, *sum(one.facts, ()))).casefold():
            hits.append(one)
        elif settings:
            hits.append(replace(one, settings=settings))
    return tuple(hits)


def _settings(name: str, facts: Facts) -> tuple[SettingLine, ...]:
    """Those that are not as they should be come first."""
    lines = (
        SettingLine(rule.name, value, rule.should, rule.holds(value), rule.why)
        for rule in RULES.get(name, WATCHED)
        if (value := facts.settings.get(rule.name)) is not None
    )
    return tuple(sorted(lines, key=lambda line: line.right))


def _todo(name: str) -> str:
    if name in ("store", "lab"):
        return (
            "If the dashboard started it, it is started again by itself; else see that the server of "
            f"INTERLOCK_{name.upper()}_URL is up."
        )
    setting = "INTERLOCK_LAB_REPLICA_URL" if name == "replica" else "INTERLOCK_WATCH"
    return f"See that the server runs and that {setting} is right."
