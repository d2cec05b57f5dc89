"""How things are called and marked on the pages: one word, one symbol and one tone for each, always the same.

The word carries the meaning; symbol and tone (a colour, see static/css/tokens.css) help the eye and are never alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime

from interlock.frame import Frame
from interlock.words import driver_first as driver_first
from interlock.words import first_line


@dataclass(frozen=True)
class Mark:
    """A state as the pages show it."""

    word: str
    symbol: str
    tone: str  # good | bad | loud | warn | busy | quiet
    meaning: str = ""


OUTCOMES = {
    "ok": Mark("ok", "✓", "good", "No task failed, and every rule of the data holds."),
    "error": Mark("error", "✕", "bad", "A task raised."),
    "silent": Mark("silent failure", "‼", "loud", "No task failed, and a rule of the data is broken."),
    "hang": Mark("hang", "■", "bad", "The event loop stood still: something blocked it and never came back."),
    "crash": Mark("crash", "✕", "bad", "The process of the run died."),
    "diverged": Mark("diverged", "≠", "warn", "The run left the schedule it was asked to follow."),
    "stuck": Mark("stuck", "■", "bad", "Nothing can move any more: every task waits for another."),
    "limit": Mark("limit", "▲", "warn", "A bound was reached before the run ended."),
    "stopped": Mark("stopped", "■", "quiet", "Somebody stopped the run."),
    "invalid": Mark("invalid", "✕", "bad", "The program could not be started at all."),
    "interrupted": Mark(
        "interrupted", "■", "warn", "The dashboard or its worker went away in mid-run; the steps so far are kept."
    ),
}

STATUSES = {
    "queued": Mark("queued", "…", "busy", "It waits for a worker."),
    "starting": Mark("starting", "…", "busy", "The stack's interpreter is starting."),
    "waiting": Mark("waits for you", "▮", "warn", "It waits for someone to choose what happens next."),
    "running": Mark("running", "▶", "busy", "It goes on by itself."),
    "ended": Mark("ended", "✓", "quiet"),
    "interrupted": OUTCOMES["interrupted"],
}

TASK_STATES = {
    "waiting": Mark("waits", "…", "quiet"),
    "value": Mark("returned", "✓", "good"),
    "error": Mark("raised", "✕", "bad"),
    "cancelled": Mark("cancelled", "⊘", "warn"),
    "pending": Mark("never ended", "…", "warn"),
}

STACK_STATES = {
    "missing": Mark(
        "not installed", "○", "quiet", "It is installed into an environment of its own when you ask for it."
    ),
    "queued": Mark("queued", "…", "busy", "It waits for a worker."),
    "installing": Mark("installing", "…", "busy"),
    "ready": Mark("ready", "✓", "good"),
    "failed": Mark("failed", "✕", "bad"),
}

EXPLORATION_STATES = {
    "queued": Mark("queued", "…", "busy", "It waits for a worker; they explore one at a time."),
    "running": Mark("trying", "▶", "busy"),
    "ended": Mark("ended", "✓", "quiet"),
    "cancelled": Mark("cancelled", "■", "warn", "Somebody ended it before all was tried that was asked for."),
    "interrupted": Mark("interrupted", "■", "warn", "Its worker went away; what was tried up to then is kept."),
    "failed": Mark("failed", "✕", "bad", "It could not be found out."),
}

PROGRAM_KINDS = {
    "broken": Mark("broken", "✕", "bad", "Shows the failure."),
    "fix": Mark("fix", "✓", "good", "Does the same without it."),
    "probe": Mark("probe", "?", "quiet", "Looks at how it comes about."),
    "timing": Mark("timing", "◷", "quiet", "Measures: run it naturally. Its run tells what it printed, and no steps."),
}

FAMILIES = {
    "sharing": ("One session, several tasks", "A session is for one task. What happens when two use it at once."),
    "lifetime": ("Sessions that end too early, or never", "Who closes it, and who still uses it then."),
    "cancellation": ("Timeouts and cancellation", "What is left of a transaction whose task was told to stop."),
    "pool": ("Pools and connections", "Waiting for a connection, and what its last user left on it."),
    "loop": ("Event loops, drivers and caches", "What belongs to one loop, to one connection, to one statement."),
    "orm": ("What objects and sessions remember", "Attributes that need a query, and errors that were swallowed."),
    "database": ("Between transactions", "Each task has its own session, and that is not enough."),
    "replica": ("Replicas and routing", "One session, two servers."),
    "guarantees": ("At once, and all or nothing", "Concurrent queries that keep a transaction's guarantees."),
    "": ("Others", "Folders that name no family."),
}

MODES = {
    "step": "step by step: you choose what happens next",
    "replay": "replay: follows the schedule to the end",
    "follow": "follow: keeps to the schedule as far as it goes, then goes on by default",
    "random": "random: a seed chooses",
    "natural": "natural: no gates, as the network has it",
}

TRANSACTIONS = {
    "idle": "no transaction",
    "open": "in transaction",
    "failed": "in failed transaction",
    "": "starting up",
}


PROPER = Mark("right error", "✓", "good", "The error that it should end with.")


def declared(kind: str, outcome: str) -> Mark:
    """How a program is declared to end. A fix may end with an error that the broken program hid."""
    return PROPER if (kind, outcome) == ("fix", "error") else OUTCOMES.get(outcome) or unknown(outcome)


def unknown(word: str) -> Mark:
    """A state this version has no words for: shown as it is."""
    return Mark(word, "?", "quiet")


def of_run(status: str, outcome: str | None) -> Mark:
    """How a run is: its outcome, once it has one."""
    if outcome and status in ("ended", "interrupted"):
        return OUTCOMES.get(outcome) or unknown(outcome)
    return STATUSES.get(status) or unknown(status)


@dataclass(frozen=True)
class Names:
    """What a step's labels are called: tasks by their names, connections by the pid of their backend."""

    tasks: Mapping[str, str] = field(default_factory=dict)
    pids: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, *frames: Frame | None) -> Names:
        present = [frame for frame in frames if frame is not None]
        return cls(
            {task.id: task.name for frame in present for task in frame.tasks},
            {one.id: one.pid for frame in present for one in frame.connections if one.pid},
        )

    def task(self, label: str | None) -> str:
        return self.tasks.get(label or "", label or "")

    def tasks_of(self, labels: Iterable[str]) -> str:
        return ", ".join(f"“{self.task(label)}”" for label in labels)

    def connection(self, label: str | None) -> str:
        """The pid, once the server has told it, else the label."""
        pid = self.pids.get(label or "")
        return str(pid) if pid else label or ""

    def text(self, text: str) -> str:
        """A sentence of the engine, which speaks of `c3`, with the backend's pid beside: `4211 (c3)`."""
        return re.sub(r"\bc[0-9]+\b", self._spelled, text)

    def _spelled(self, match: re.Match[str]) -> str:
        label = match.group()
        return f"{self.pids[label]} ({label})" if label in self.pids else label


def transaction(state: str) -> str:
    return TRANSACTIONS.get(state, state)


def seconds(value: float) -> str:
    """A span of time, short, at the precision that matters: `0.8 s`, `12 s`, `3 min`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    if value < 172_800:
        return f"{value / 3600:.0f} h"
    return f"{value / 86_400:.0f} d"


def milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f} ms" if value < 1000 else seconds(value / 1000)


def size(value: float) -> str:
    """Of data, short: `812 B`, `4.0 kB`, `12 MB`."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" or value >= 10 else f"{value:.1f} {units[0]}"


def ago(then: datetime | None, now: datetime) -> str:
    if then is None:
        return ""
    passed = (now - then).total_seconds()
    return "just now" if passed < 10 else f"{seconds(passed)} ago"


def clock(when: datetime | None) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if when else ""


def error(type_: str, message: str, limit: int = 300) -> str:
    """An error in a line, its type without the package."""
    line = first_line(message).partition(" (Background on this error at")[0]
    return cut(driver_first(f"{type_.rpartition('.')[2]}: {line}" if line else type_.rpartition(".")[2]), limit)


def spans(text: str) -> tuple[tuple[bool, str], ...]:
    """A text in which `code` stands between backticks, as (is code, text) pieces."""
    return tuple((index % 2 == 1, piece) for index, piece in enumerate(text.split("`")) if piece)


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Text with its control characters spelled out, and those that turn the direction of what follows: `\x1b` for Esc.

    >>> print(visible("red \x1b[31m, nul \x00"))
    red \x1b[31m, nul \x00
    """
    return text if text.isprintable() else _UNSEEN.sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shortened(text: str, most: int = 32) -> str:
    """A sentence with the long ones of the names that it quotes cut in their middle; what follows a colon is no name.

    >>> shortened("“a_task_with_a_name_that_never_seems_to_end” failed")
    '“a_task_with_a_n…ver_seems_to_end” failed'
    """

    def short(found: re.Match[str]) -> str:
        name = found[1]
        half = (most - 1) // 2
        return f"“{name if len(name) <= most else name[:half] + '…' + name[-half - 1 :]}”"

    return re.sub("(?<!: )“([^”]*)”", short, text)


def count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
