"""What was done, as rows of a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dashboard.presenters import words
from dashboard.store.history import HistoryEntry

ACTIONS = {
    "start": "started",
    "branch": "branched off",
    "explore": "explored orders in",
    "import": "imported",
    "advance": "chose what happens next",
    "play": "let it play",
    "pause": "paused",
    "finish": "let it go to its end",
    "stop": "stopped",
    "rename": "gave a title to",
    "pin": "pinned",
    "unpin": "unpinned",
    "delete": "deleted",
    "share": "gave a share link to",
    "revoke": "revoked a share link to",
    "install": "installed",
    "settings": "changed",
}


@dataclass(frozen=True)
class DeedLine:
    when: str
    when_exactly: str
    who: str
    action: str
    object: str  # in words: `run 42`
    url: str | None  # of what it was done to
    only: str  # the value of `object` that shows what else was done to it
    text: str


def lines(deeds: Iterable[HistoryEntry], now: datetime) -> tuple[DeedLine, ...]:
    return tuple(
        DeedLine(
            when=words.ago(deed.at, now),
            when_exactly=words.clock(deed.at),
            who=deed.actor,
            action=ACTIONS.get(deed.action, deed.action),
            object=spelled(deed.object),
            url=_url(deed),
            only=deed.object,
            text=deed.text,
        )
        for deed in deeds
    )


def spelled(object: str) -> str:
    kind, _, name = object.partition(":")
    return f"{kind} {name}".strip()


def _url(deed: HistoryEntry) -> str | None:
    kind, _, name = deed.object.partition(":")
    if deed.action == "delete":
        return None
    return {
        "run": f"/runs/{name}",
        "stack": f"/stacks#{name}",
        "exploration": f"/explorations/{name}",
        "retention": "/runs/retention",
    }.get(kind)
