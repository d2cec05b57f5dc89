"""The field guide as the home page shows it: every incident in a line, in families, with its verdicts at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.catalogue.guide import Found
from dashboard.catalogue.incidents import FAMILIES
from dashboard.catalogue.incidents import Incident
from dashboard.findings.explain import Symptom
from dashboard.presenters import catalogue
from dashboard.presenters import words
from dashboard.presenters.catalogue import IncidentCard
from dashboard.presenters.catalogue import ProgramLine
from dashboard.presenters.catalogue import Verdict


@dataclass(frozen=True)
class GuideLine:
    """An incident: what each of its programs comes to on each stack."""

    card: IncidentCard
    programs: tuple[ProgramLine, ...]
    run: Verdict | None  # what its button runs: the first program


@dataclass(frozen=True)
class GuideGroup:
    """Lines under a heading."""

    name: str  # for the address
    title: str
    text: str
    lines: tuple[GuideLine, ...]


@dataclass(frozen=True)
class Guide:
    """All of it, or what was found."""

    query: str
    known: Symptom | None  # the error in the query that Interlock can explain
    columns: tuple[str, ...]  # stacks
    groups: tuple[GuideGroup, ...]
    total: int

    @property
    def shown(self) -> int:
        return sum(len(group.lines) for group in self.groups)


def guide(query: str, found: Found, cards: Sequence[IncidentCard], incidents: Sequence[Incident]) -> Guide:
    """The guide for a search; with an empty one everything, in families. `cards` are those of `incidents`."""
    columns = catalogue.columns(incidents)
    lines = {card.name: _line(card, columns) for card in cards}
    if query:
        hits = tuple(lines[incident.name] for incident in found.incidents)
        groups = [GuideGroup("found", words.count(len(hits), "incident") + " found", "", hits)] if hits else []
    else:
        groups = [_group(family, incidents, lines) for family in (*FAMILIES, "")]
    return Guide(query, found.known, columns, tuple(group for group in groups if group.lines), len(cards))


def _group(family: str, incidents: Sequence[Incident], lines: dict[str, GuideLine]) -> GuideGroup:
    title, text = words.FAMILIES[family]
    return GuideGroup(
        family or "others", title, text, tuple(lines[one.name] for one in incidents if one.family == family)
    )


def _line(card: IncidentCard, columns: Sequence[str]) -> GuideLine:
    verdicts = [one for one in card.main.verdicts if one.declared is not None] if card.main else []
    # What shows the failure comes first: where nothing goes wrong, there is nothing to see.
    shows = [one for one in verdicts if one.declared and one.declared.word != words.OUTCOMES["ok"].word]
    return GuideLine(card, catalogue.lines(card, columns), next(iter(shows or verdicts), None))
