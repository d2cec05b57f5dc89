"""What came of a run: pure functions from tasks and invariants to an `End`'s words."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence

from interlock import words
from interlock.frame import InvariantOutcome
from interlock.frame import TaskOutcome
from interlock.frame import TaskView

_BACKGROUND = re.compile(r"\s*\(Background on this error at: \S+\)")
_RANKS = ("error", "cancelled", "pending", "value")
_VOLATILE = re.compile(r"0x…\d+|0x[0-9a-f]+|\b\d{3,}\b")


def task_outcome(view: TaskView) -> TaskOutcome:
    """What came of a task, from its last picture."""
    outcome = "pending" if view.state == "waiting" else view.state
    return TaskOutcome(view.id, view.name, outcome, view.value, view.errors, view.cancelled)


def name_of(tasks: Sequence[TaskOutcome], invariants: Sequence[InvariantOutcome]) -> str:
    """ok, error or silent, for a run that came to its own end. The first task is the program's own."""
    if any(task.outcome == "error" for task in tasks) or tasks[0].outcome == "cancelled":
        return "error"
    return "silent" if any(invariant.holds is False for invariant in invariants) else "ok"


def message_of(task: TaskOutcome) -> str:
    """Type and first line of what a task raised, without what differs from run to run."""
    if not task.errors:
        return ""
    line = words.first_line(_BACKGROUND.sub("", task.errors[0].message))
    return f"{task.errors[0].type}: {line}" if line else task.errors[0].type


def summary(
    outcome: str, tasks: Sequence[TaskOutcome], invariants: Sequence[InvariantOutcome], detail: str = ""
) -> str:
    """One line for people."""
    counted = Counter((task.outcome, message_of(task)) for task in tasks)
    parts = []
    ranked = sorted(counted.items(), key=lambda item: _RANKS.index(item[0][0]))
    for (kind, message), count in ranked:
        noun = "task" if count == 1 else "tasks"
        verb = {"value": "returned", "cancelled": "cancelled", "pending": "never finished"}.get(kind)
        parts.append(f"{count} {noun} {verb}" if verb else f"{count} {noun} raised {_cut(words.driver_first(message))}")
    parts += [f"broken: {invariant.name}" for invariant in invariants if invariant.holds is False]
    if outcome not in ("ok", "error", "silent"):
        parts.insert(0, _cut(_said(detail)) if detail else outcome)
    return "; ".join(parts)


def signature(outcome: str, tasks: Iterable[TaskOutcome], invariants: Iterable[InvariantOutcome]) -> str:
    """Equal for runs that came to the same, whatever their tasks are called and in whatever order they ended."""
    lines = sorted(f"{task.outcome} {_VOLATILE.sub('#', message_of(task))}" for task in tasks)
    lines += sorted(f"broken {invariant.name}" for invariant in invariants if invariant.holds is False)
    return hashlib.sha256("\n".join([outcome, *lines]).encode()).hexdigest()[:8]


def _said(detail: str) -> str:
    """The first line, without what only leads to the next one."""
    line = detail.strip().split("\n")[0]
    if line.endswith(":"):
        line = line[:-1].rpartition(". ")[0] or line[:-1]
    return line.rstrip(".")


def _cut(text: str, limit: int = 160) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
