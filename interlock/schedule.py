"""Schedules: which choice at which step, written as deviations from what would have happened anyway.

`il1:` is the empty schedule: always the oldest reply; when no reply waits, the next request arrives; when none is to
come, a replica that is behind catches up; and only then a timer fires. `il1:7=c3,12=t` differs from that at step 7 (the
reply on connection c3) and at step 12 (the next timer). Short, made for pasting into a chat or a commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

PREFIX = "il1:"
MAX_LENGTH = 100_000
_ENTRY = re.compile(
    r"([1-9][0-9]{0,6})=([tew]|[cr][1-9][0-9]{0,5}|[kd]:c[1-9][0-9]{0,5}|[xt]:t[1-9][0-9]{0,5}|q:r[1-9][0-9]{0,5})"
)


class ScheduleError(ValueError):
    """This is not a schedule. One looks like il1:7=c3,12=t — step number, equals sign, choice — or just il1: for
    none.
    """


@dataclass(frozen=True)
class Schedule:
    """Choices by step number, where they differ from the default."""

    deviations: Mapping[int, str] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[str, ...]:
        """Those of its choices that do not come by themselves."""
        return tuple(token for token in self.deviations.values() if token == "e" or ":" in token)

    def __str__(self) -> str:
        return PREFIX + ",".join(f"{step}={token}" for step, token in sorted(self.deviations.items()))


def parse(text: str) -> Schedule:
    """Read a schedule; an empty text is the empty schedule. Raises `ScheduleError` naming the place that is wrong."""
    text = "".join(text.split())
    if not text:
        return Schedule()
    if len(text) > MAX_LENGTH:
        raise ScheduleError(f"This schedule is longer than {MAX_LENGTH:,} characters.")
    version = re.match(r"il([0-9]+):", text)
    if version is None:
        raise ScheduleError(f"{_cut(text)!r} is no schedule: it does not begin with {PREFIX!r}. Example: il1:7=c3,12=t")
    if version.group(0) != PREFIX:
        raise ScheduleError(
            f"This schedule has version {version.group(1)}; this Interlock reads version 1. A newer one may."
        )
    body = text[len(PREFIX) :]
    deviations: dict[int, str] = {}
    for entry in body.split(",") if body else []:
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ScheduleError(
                f"{_cut(entry)!r} is not step=choice. Choices: c3 (the reply on connection 3), r2 (request 2 arrives), "
                "w (the replica catches up), t (the next timer), t:t2 (as much time as task 2 waits for at most), x:t2 "
                "(cancel task 2), k:c3 (end the backend of connection 3), d:c3 (drop connection 3), q:r2 (the client "
                "of request 2 leaves), e (the process dies)."
            )
        step = int(match.group(1))
        if step in deviations:
            raise ScheduleError(f"Step {step} stands twice in this schedule.")
        deviations[step] = match.group(2)
    return Schedule(deviations)


def _cut(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[:limit] + "…"
