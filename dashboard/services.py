"""What the views work with, as one typed value on the application."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from functools import cached_property

from flask import current_app

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.catalogue.folders import incident_dirs
from dashboard.catalogue.incidents import Catalogue
from dashboard.catalogue.incidents import Incident
from dashboard.company import Company
from dashboard.config import Settings
from dashboard.presenters.stacks import StackCard
from dashboard.presenters.stacks import card
from dashboard.runs.facts import KnownFacts
from dashboard.runs.proofs import Proofs
from dashboard.runs.timelines import Timelines
from dashboard.servers.watch import Watch
from dashboard.shared import Shared
from dashboard.store import Store
from dashboard.viewers import Viewers


@dataclass(frozen=True)
class Services:
    settings: Settings
    store: Store
    proofs: Proofs = field(default_factory=Proofs)
    facts: KnownFacts = field(default_factory=KnownFacts)
    timelines: Timelines = field(default_factory=Timelines)
    company: Company = field(default_factory=Company)
    viewers: Viewers = field(default_factory=Viewers)
    shared: Shared = field(default_factory=Shared)

    @cached_property
    def watch(self) -> Watch:
        return Watch(self.settings)

    def catalogue(self) -> Catalogue:
        return incidents.load(incident_dirs(self.settings))

    def incident(self, name: str) -> Incident | None:
        return incidents.find(incident_dirs(self.settings), name)

    def stacks(self) -> tuple[StackCard, ...]:
        """Every stack there is, with how far its installation is."""
        rows = {row.name: row for row in self.store.stacks()}
        found = stacks.catalogue(self.settings).stacks
        return tuple(card(one.name, one.title, one.pins, one.installed, rows.get(one.name)) for one in found)

    def stack_problems(self) -> tuple[str, ...]:
        return stacks.catalogue(self.settings).problems


def services() -> Services:
    found: Services = current_app.extensions["interlock"]
    return found
