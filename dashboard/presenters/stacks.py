"""Stacks: a pinned set of libraries each, and how far its installation is."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.presenters import words
from dashboard.presenters.polling import CALM
from dashboard.presenters.polling import Poll
from dashboard.presenters.words import Mark
from dashboard.store.records import StackRow

LOG_SHOWN = 20_000


@dataclass(frozen=True)
class StackCard:
    name: str
    title: str
    pins: tuple[str, ...]
    state: str
    mark: Mark
    ready: bool
    busy: bool
    progress: str
    error: str
    log: str
    rev: int
    poll: Poll | None


def card(name: str, title: str, pins: tuple[str, ...], installed: bool, row: StackRow | None) -> StackCard:
    """`installed` is what is on this disk; the row tells of an installation under way, or of one that failed."""
    state = row.state if row is not None and row.state in ("queued", "installing", "failed") else "missing"
    if installed and state != "installing":
        state = "ready"
    busy = state in ("queued", "installing")
    rev = row.rev if row is not None else 0
    return StackCard(
        name=name,
        title=title,
        pins=pins,
        state=state,
        mark=words.STACK_STATES[state],
        ready=state == "ready",
        busy=busy,
        progress=row.progress if row is not None and busy else "",
        error=(row.error or "") if row is not None and state == "failed" else "",
        log=row.log[-LOG_SHOWN:] if row is not None else "",
        rev=rev,
        poll=Poll(f"/stacks/{name}/live?rev={rev}", CALM) if busy else None,
    )
