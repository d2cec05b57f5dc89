"""Who watches a run, and who leads."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from dashboard.person import Person
from dashboard.presenters import words
from dashboard.presenters.polling import Poll
from dashboard.store.records import Audience
from dashboard.store.records import Watcher

LISTED = 30
LED, CALM = "1s", "3s"
"""How often is asked: while somebody leads, and else."""


@dataclass(frozen=True)
class WatcherLine:
    name: str
    viewer: bool
    leads: bool
    you: bool


@dataclass(frozen=True)
class CompanyBar:
    """What stands in the bar on top of a run's page. It is of its reader, unlike the run's picture."""

    run: int
    rev: int
    count: str
    watchers: tuple[WatcherLine, ...]
    more: int  # who are not listed
    leader: str  # their name; empty: nobody leads
    here: bool  # who leads is still there
    you_lead: bool
    where: str  # the step to which was led, or "latest"
    your_name: str
    viewer: bool
    poll: Poll | None

    @property
    def at(self) -> str:
        return "the newest step" if self.where == "latest" else f"step {self.where}"

    @property
    def say(self) -> str:
        """For who cannot see the bar; it changes only when who leads does."""
        if self.you_lead:
            return "You lead."
        if not self.leader:
            return ""
        return f"{self.leader} leads." if self.here else f"{self.leader}, who led, is gone."


def bar(run_id: int, audience: Audience, person: Person | None, *, viewer: bool) -> CompanyBar:
    you = person.id if person else None
    there = [one for one in audience.watchers if one.here]
    leader = next((one for one in audience.watchers if one.leads), None)
    every = LED if leader and leader.here else CALM
    return CompanyBar(
        run=run_id,
        rev=audience.rev,
        count=f"{len(there)} watching",
        watchers=tuple(WatcherLine(_name(one), one.viewer, one.leads, one.person == you) for one in there[:LISTED]),
        more=max(0, len(there) - LISTED),
        leader=words.cut(_name(leader), 24) if leader else "",
        here=leader is not None and leader.here,
        you_lead=leader is not None and leader.person == you,
        where="" if leader is None else "latest" if leader.step is None else str(leader.step),
        your_name=person.name if person else "",
        viewer=viewer,
        poll=Poll(f"/runs/{run_id}/company?seen={mark(audience)}", every),
    )


def mark(audience: Audience) -> str:
    """Differs when the bar does. The revision counts when the run is over: then its page does not ask for itself."""
    shown = (audience.over, audience.rev if audience.over else 0, audience.watchers)
    return f"{zlib.crc32(repr(shown).encode()):08x}"


def _name(one: Watcher) -> str:
    return one.name or f"guest {one.guest}"
