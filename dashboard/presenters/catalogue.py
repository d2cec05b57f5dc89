"""Incidents as lists and pages show them: what is declared of each program on each stack, what its last run said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.catalogue.incidents import Incident
from dashboard.catalogue.incidents import Program
from dashboard.presenters import words
from dashboard.presenters.stacks import StackCard
from dashboard.presenters.words import Mark
from dashboard.store.records import RunRow


@dataclass(frozen=True)
class Verdict:
    """A program on a stack: what is declared, and what the latest finished run came to."""

    stack: str
    ready: bool
    declared: Mark | None
    error: str
    schedule: str
    last: RunRow | None

    @property
    def last_mark(self) -> Mark | None:
        if self.last is None or self.last.outcome is None:
            return None
        return words.OUTCOMES.get(self.last.outcome) or words.unknown(self.last.outcome)


@dataclass(frozen=True)
class ProgramCard:
    name: str
    title: str
    kind: Mark
    verdicts: tuple[Verdict, ...]
    requests: tuple[tuple[str, str], ...] = ()  # names, and "GET /users/1"
    fixes: tuple[str, ...] = ()  # the programs that it is against, where it is not all of them


@dataclass(frozen=True)
class IncidentCard:
    name: str
    title: str
    symptom: str
    summary: str
    problems: int
    programs: tuple[ProgramCard, ...]

    @property
    def main(self) -> ProgramCard | None:
        """The program that shows the failure."""
        return self.programs[0] if self.programs else None


@dataclass(frozen=True)
class ProgramLine:
    """A program in a table that has a column for each of some stacks."""

    program: ProgramCard
    cells: tuple[Verdict | None, ...]  # of the columns; None where nothing is declared
    others: tuple[Verdict, ...]  # declared for stacks that have no column


Latest = Mapping[tuple[str, str, str], RunRow]


def cards(
    incidents: Iterable[Incident], stacks: Sequence[StackCard], latest: Iterable[RunRow]
) -> tuple[IncidentCard, ...]:
    """`latest`: the newest finished run of each program on each stack."""
    runs = {(row.incident, row.program, row.stack): row for row in latest}
    ready = frozenset(stack.name for stack in stacks if stack.ready)
    return tuple(_card(incident, [stack.name for stack in stacks], ready, runs) for incident in incidents)


def _card(incident: Incident, stacks: Sequence[str], ready: frozenset[str], runs: Latest) -> IncidentCard:
    programs = sorted(incident.programs, key=lambda program: program.kind != "broken")
    return IncidentCard(
        name=incident.name,
        title=incident.title,
        symptom=incident.symptom,
        summary=incident.summary,
        problems=len(incident.problems),
        programs=tuple(_program(incident, program, stacks, ready, runs) for program in programs),
    )


def _program(
    incident: Incident, program: Program, stacks: Sequence[str], ready: frozenset[str], runs: Latest
) -> ProgramCard:
    # Where something is declared the incident shows; the form on its page offers every stack.
    order = [stack for stack in stacks if stack in program.expectations] or stacks
    return ProgramCard(
        name=program.name,
        title=program.title,
        kind=words.PROGRAM_KINDS.get(program.kind) or words.unknown(program.kind),
        verdicts=tuple(
            _verdict(program, stack, stack in ready, runs.get((incident.name, program.name, stack))) for stack in order
        ),
        requests=tuple((one.name, one.line) for one in program.requests),
        fixes=program.fixes,
    )


def _verdict(program: Program, stack: str, ready: bool, last: RunRow | None) -> Verdict:
    expected = program.expectations.get(stack)
    return Verdict(
        stack=stack,
        ready=ready,
        declared=words.declared(program.kind, expected.outcome) if expected else None,
        error=expected.error if expected else "",
        schedule=expected.schedule if expected else "il1:",
        last=last,
    )


def columns(incidents: Sequence[Incident]) -> tuple[str, ...]:
    """Stacks that many incidents speak of; the few that one or two need are told beside their programs."""
    counted = Counter(stack for incident in incidents for stack in incident.stacks)
    return tuple(stack for stack, number in counted.items() if number * 3 >= len(incidents))


def lines(card: IncidentCard, columns: Sequence[str]) -> tuple[ProgramLine, ...]:
    """Each of its programs, and how it is declared to end on each stack."""
    return tuple(_line(program, columns) for program in card.programs)


def _line(program: ProgramCard, columns: Sequence[str]) -> ProgramLine:
    verdicts = {one.stack: one for one in program.verdicts if one.declared is not None}
    return ProgramLine(
        program=program,
        cells=tuple(verdicts.get(stack) for stack in columns),
        others=tuple(one for stack, one in verdicts.items() if stack not in columns),
    )
