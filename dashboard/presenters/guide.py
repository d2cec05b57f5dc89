"""The field guide as the home page shows it: every incident in a line, in families, with its verdicts at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.explain import Symptom
from dashboard.guide import Found
from dashboard.incidents import FAMILIES
from dashboard.incidents import Incident
from dashboard.presenters import words
from dashboard.presenters.catalogue import IncidentCard
from dashboard.presenters.catalogue import Verdict


@dataclass(frozen=True)
class GuideLine:
    """An incident: what its broken program comes to on each stack."""

    card: IncidentCard
    cells: tuple[Verdict | None, ...]  # of the columns; None where nothing is declared
    others: tuple[Verdict, ...]  # declared for stacks that have no column
    fixes: int
    run: Verdict | None  # what its button runs


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
    columns = _columns(incidents)
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


def _columns(incidents: Sequence[Incident]) -> tuple[str, ...]:
    """Stacks that many incidents speak of; the few that one or two need are told in their lines."""
    counted = Counter(stack for incident in incidents for stack in incident.stacks)
    return tuple(stack for stack, number in counted.items() if number * 3 >= len(incidents))


def _line(card: IncidentCard, columns: Sequence[str]) -> GuideLine:
    verdicts = {one.stack: one for one in card.main.verdicts if one.declared is not None} if card.main else {}
    # What shows the failure comes first: where nothing goes wrong, there is nothing to see.
    shows = [one for one in verdicts.values() if one.declared and one.declared.word != words.OUTCOMES["ok"].word]
    return GuideLine(
        card=card,
        cells=tuple(verdicts.get(stack) for stack in columns),
        others=tuple(one for stack, one in verdicts.items() if stack not in columns),
        fixes=sum(program.kind is words.PROGRAM_KINDS["fix"] for program in card.programs),
        run=next(iter(shows or verdicts.values()), None),
    )
