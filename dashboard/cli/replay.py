"""Checks a journal: its schedule is replayed here with its program and its stack, and the two runs are compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.catalogue.folders import incident_dirs
from dashboard.cli import run as run_command
from dashboard.cli.run import Target
from dashboard.cli.run import UsageError
from dashboard.config import Settings
from dashboard.runs import recorded
from dashboard.runs.recorded import Recorded
from interlock.frame import End
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.journal import to_data

LONGEST = 160  # characters of a value that differs


@dataclass(frozen=True)
class Verdict:
    """How the replay compares with the journal."""

    target: str
    stack: str
    schedule: str
    steps: int  # of the journal
    whole: bool  # the journal goes to the run's own end
    notes: tuple[str, ...]  # what is not the same as there: files, versions
    difference: str  # the first one, in words; "" where there is none
    failed: str = ""  # why it could not be replayed at all

    @property
    def status(self) -> int:
        """The exit status: 0 the same, 1 another, 2 it could not be replayed."""
        return 2 if self.failed else 1 if self.difference else 0


def replay(
    settings: Settings,
    lines: Iterable[str],
    program: str | None,
    stack: str | None,
    say: Callable[[str], None],
    requests: Sequence[str] = (),
    headers: Sequence[str] = (),
) -> Verdict:
    """Replay a journal. Raises `JournalError` for what is none, `UsageError` for what cannot be replayed here."""
    journal = recorded.read(lines)
    if journal.header.mode == "natural":
        raise UsageError("This is the journal of a natural run: nothing held its replies, so it cannot be replayed.")
    if (requests or headers) and not program:
        raise UsageError("--request is for a web application of your own: name it with --program SCRIPT.py.")
    known = run_command.find(settings, program, requests, headers) if program else None
    target = known or _target(settings, journal.header)
    found = run_command.find_stack(settings, stack or _stack(settings, journal.header))
    follows = journal.header.mode == "follow"  # where such a run left its schedule is part of it
    asked = journal.header.schedule if follows else str(journal.schedule)
    say(f"{target.name} on {found.name}, {asked}")
    told: list[Message] = []
    with run_command.servers(settings, target) as (lab_url, replica_url):
        job = run_command.make_job(target, found.name, lab_url, asked, None, False, replica_url)
        job = replace(job, mode="follow") if follows else job
        end = asyncio.run(run_command.play(settings, target, found, job, told.append)).end
    unplayed = end.outcome in ("invalid", "interrupted") and (journal.end is None or end.outcome != journal.end.outcome)
    return Verdict(
        target=target.name,
        stack=found.name,
        schedule=asked,
        steps=max(0, len(journal.steps) - 1),  # the first one is step 0
        whole=journal.whole,
        notes=(*_notes(journal.header, told, target), *dict.fromkeys(_escapes(journal.end, end))),
        difference=first_difference(journal, told),
        failed=end.detail or end.summary if unplayed else "",
    )


def first_difference(journal: Recorded, told: Sequence[Message]) -> str:
    """Where a replay first differs from a journal, in words; one that was cut short is compared as far as it goes."""
    steps = [message for message in told if isinstance(message, Step)]
    for there, here in zip(journal.steps, steps, strict=False):
        if said := _difference(there, here):
            return f"step {there.number}: {said}"
    if len(steps) < len(journal.steps):
        return f"step {len(steps)}: the journal has it, the replay ended before"
    if not journal.whole or journal.end is None:
        return ""
    if len(steps) > len(journal.steps):
        return f"step {len(journal.steps)}: the replay has it, the journal ended before"
    end = next(message for message in told if isinstance(message, End))
    said = _difference(_comparable(journal.end), _comparable(end))
    return f"the end: {said}" if said else ""


def _comparable(end: End) -> End:
    """An end without its `detail` if that differs each time: the report of a killed process names addresses."""
    return replace(end, detail="") if end.outcome in ("hang", "crash") else end


def _difference(there: Message, here: Message) -> str:
    return _apart(to_data(there, volatile=False), to_data(here, volatile=False), "")


def _apart(there: Any, here: Any, place: str) -> str:
    """The first place in which two values differ, with what stands there; "" where they are equal."""
    if there == here:
        return ""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in {**there, **here}:
            if said := _apart(there.get(name), here.get(name), f"{place}.{name}" if place else name):
                return said
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for index, (one, other) in enumerate(zip(there, here, strict=True)):
            if said := _apart(one, other, f"{place}[{index}]"):
                return said
    return f"{place} was {_cut(there)}, and is {_cut(here)}"


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _target(settings: Settings, header: Header) -> Target:
    known = incidents.load(incident_dirs(settings)).incidents
    same, called = recorded.origin(header, known), recorded.namesakes(header, known)
    if same is None and len(called) != 1:
        which = "; ".join(f"{one.name}/{program.name}" for one, program in called) or "none is called so"
        raise UsageError(
            f"No program here has the files of this journal's {header.program}. Programs of that name: {which}. "
            "Name the one to replay it with: --program INCIDENT/PROGRAM, or a path to a script."
        )
    incident, program = same or called[0]
    return Target(program.path.resolve(), incident, program, program.requests)


def _stack(settings: Settings, header: Header) -> str:
    known = stacks.catalogue(settings).stacks
    found = recorded.stack_of(header, known)
    if found is None:
        had = ", ".join(f"{name} {version}" for name, version in header.versions.items())
        names = ", ".join(one.name for one in known)
        raise UsageError(f"No stack here has the versions of this journal ({had}). Choose one with --stack: {names}.")
    return found.name


def _notes(header: Header, told: Sequence[Message], target: Target) -> Iterable[str]:
    for name in recorded.altered(header, target.path.parent):
        yield f"{name} is not the file that ran there"
    mine = next((message.versions for message in told if isinstance(message, Header)), header.versions)
    for name in sorted({**header.versions, **mine}):
        if header.versions.get(name) != mine.get(name):
            yield f"{name} was {header.versions.get(name, 'missing')}, and is {mine.get(name, 'missing')}"


def _escapes(*ends: End | None) -> Iterable[str]:
    """What either of the runs passed that replay does not control."""
    for end in ends:
        for text in end.escapes if end is not None else ():
            yield f"replay does not control this: {text}"


def as_text(verdict: Verdict) -> str:
    """The verdict for people."""
    lines = [f"note: {note}" for note in verdict.notes]
    if verdict.failed:
        return "\n".join([*lines, f"It could not be replayed: {verdict.failed}"])
    if verdict.difference:
        return "\n".join([*lines, "Another run.", f"First difference, at {verdict.difference}"])
    far = "to its end" if verdict.whole else "as far as it was recorded"
    return "\n".join([*lines, f"The same run, {far}: {verdict.steps} steps."])
