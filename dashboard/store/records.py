"""What the store gives out: plain frozen values, good in any thread and after any transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.findings.inevitable import Found
from dashboard.findings.tally import Tally
from dashboard.store.tables import ACTIVE
from dashboard.store.tables import OVER
from interlock.frame import End
from interlock.frame import Header


@dataclass(frozen=True)
class RunRow:
    """A run as lists show it."""

    id: int
    incident: str
    program: str
    stack: str
    mode: str  # step | replay | follow | random | natural
    schedule: str  # asked for; what was carried out is `RunRecord.end.schedule`
    seed: int | None
    title: str
    actor: str
    parent: int | None  # the run whose first steps it shares
    branch: int | None  # after which of these steps it went another way; it follows its schedule up to there
    status: str  # queued | starting | waiting | running | ended | interrupted
    speed: float | None  # steps a second while somebody plays it
    next_token: str | None  # what "next" carries out now if its schedule says so; None: the frame's default choice
    outcome: str | None
    signature: str | None
    summary: str | None
    expected: bool | None  # whether it ended as the incident declares; None: nothing declared
    steps: int  # number of the last step, -1 before the first
    failed_at: int | None  # the first step in which a task raised, as soon as it is known
    isolation: str | None  # repeatable read | serializable: the strictest it asked for; None: the server's default
    rev: int
    created: dt.datetime
    started: dt.datetime | None
    ended: dt.datetime | None

    @property
    def active(self) -> bool:
        """A worker has it in its hands."""
        return self.status in ACTIVE

    @property
    def follow(self) -> int:
        """How many steps it follows its schedule before it asks: those of its parent, and the one that differs."""
        return 0 if self.branch is None else self.branch + 1

    @property
    def over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True)
class RunRecord(RunRow):
    """A run with what ran and how it ended."""

    header: Header | None
    end: End | None


@dataclass(frozen=True)
class RunFilter:
    """Which runs a list shows; None: all of them."""

    incident: str | None = None
    program: str | None = None
    stack: str | None = None
    mode: str | None = None
    status: str | None = None
    outcome: str | None = None
    signature: str | None = None
    isolation: str | None = None
    took: str | None = None  # one of `filter.TOOK`
    started: str | None = None  # one of `filter.STARTED`
    kept: str | None = None  # pinned, or noted
    upto: int | None = None  # no newer run than this: what a list began with, while others come in
    search: str | None = None  # text that occurs in the summary, the schedule, the program ..., or the run's number


@dataclass(frozen=True)
class RunPage:
    """A page of runs, newest first."""

    rows: tuple[RunRow, ...]
    total: int  # that match the filter
    next: int | None  # pass as `before` for the page that follows; None on the last


@dataclass(frozen=True)
class Caption:
    """A step in a line."""

    number: int
    text: str
    token: str | None
    woke: tuple[str, ...]
    failed: bool  # a task raised in it


@dataclass(frozen=True)
class Command:
    """What a person asked of a run."""

    id: int
    run_id: int
    kind: str
    payload: Mapping[str, Any]
    actor: str
    done: dt.datetime | None  # carried out or refused
    error: str | None  # why it was refused


@dataclass(frozen=True)
class StackRow:
    """Where the installation of a stack stands."""

    name: str
    state: str  # missing | queued | installing | ready | failed
    progress: str
    log: str
    error: str | None
    rev: int
    updated: dt.datetime


@dataclass(frozen=True)
class ExplorationRow:
    """Many orders of a program on a stack, or many continuations of a run, that are tried or were."""

    id: int
    incident: str
    program: str
    stack: str
    run_id: int | None  # whose continuations; None: orders of the program
    orders: int  # so many are to be tried,
    seconds: int  # and for so long at most
    actor: str
    status: str  # queued | running | ended | cancelled | interrupted | failed
    progress: str
    error: str | None  # why it failed
    way_out: int | None  # the run that was made of the way out
    cancel: bool  # somebody wants it to end
    rev: int
    created: dt.datetime
    started: dt.datetime | None
    ended: dt.datetime | None
    tally: Tally | None  # what came of the orders so far
    found: Found | None  # what came of the continuations so far

    @property
    def over(self) -> bool:
        return self.status not in ("queued", "running")


@dataclass(frozen=True)
class Share:
    """A link that lets others see a run; what its holders bring is known by its hash only."""

    id: int
    run_id: int
    actor: str
    created: dt.datetime
    expires: dt.datetime
    revoked: dt.datetime | None

    def open(self, now: dt.datetime) -> bool:
        return self.revoked is None and now < self.expires


@dataclass(frozen=True)
class Note:
    """A mark at a step of a run, with what somebody had to say of it (or nothing)."""

    id: int
    run_id: int
    step: int
    text: str
    actor: str
    created: dt.datetime


@dataclass(frozen=True)
class Watcher:
    """Somebody who has a run's page open, or had a moment ago."""

    person: str
    name: str
    viewer: bool
    guest: int
    here: bool  # heard of lately
    leads: bool
    step: int | None  # where they have led to; None: the last one there is


@dataclass(frozen=True)
class Audience:
    """Those at a run's page, and how far that is."""

    rev: int
    over: bool
    watchers: tuple[Watcher, ...]
