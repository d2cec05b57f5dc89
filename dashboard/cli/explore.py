"""Many orders of one program from the command line: how often it ended how, and the shortest schedule of each end."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from dashboard.catalogue import stacks
from dashboard.cli.run import Target
from dashboard.cli.run import UsageError
from dashboard.cli.run import find
from dashboard.cli.run import find_stack
from dashboard.cli.run import make_job
from dashboard.cli.run import servers
from dashboard.cli.run import tell_problems
from dashboard.config import Settings
from dashboard.findings.tally import BOUND
from dashboard.findings.tally import FAILING
from dashboard.findings.tally import Counting
from dashboard.findings.tally import Group
from dashboard.findings.tally import Tally
from dashboard.presenters import words
from dashboard.servers import lab
from interlock.job import Job
from interlock.supervisor import Runner


@dataclass(frozen=True)
class Explored:
    """What came of the orders of a program."""

    target: Target
    stack: str
    wanted: int
    seconds: float  # the bound
    first_seed: int
    tally: Tally

    @property
    def whole(self) -> bool:
        """As many orders were tried as were asked for, or all that there are."""
        return self.tally.every or self.tally.tried >= self.wanted

    @property
    def declared(self) -> str:
        """How the program is declared to end. A script that belongs to no incident is expected to end well."""
        program = self.target.program
        declared = program.expectations.get(self.stack) if program else None
        return declared.outcome if declared else "ok"

    @property
    def status(self) -> int:
        """The exit status. What was cut short, or could not be run, is never a pass."""
        if self.declared != "ok":
            return 0 if self.tally.ended(self.declared) else 1
        if self.tally.ended("ok") + self.tally.void < self.tally.tried:
            return 1
        return 0 if self.whole and not self.tally.void else 2


def explore(
    settings: Settings,
    text: str,
    stack_name: str,
    runs: int,
    first_seed: int,
    seconds: float,
    told: Callable[[Tally], None],
) -> Explored:
    """Find the program and try its orders; starts a lab for the while if none is there."""
    target = find(settings, text)
    tell_problems(target)
    if target.program is not None and target.program.kind == "timing":
        raise UsageError(f"{target.name} measures time on the plain network; its replies are not held.")
    stack = find_stack(settings, stack_name)
    with servers(settings, target) as (lab_url, replica_url):
        job = make_job(target, stack.name, lab_url, "", first_seed, False, replica_url)
        tally = asyncio.run(_try(stack, job, range(first_seed, first_seed + runs), seconds, told))
    return Explored(target, stack.name, runs, seconds, first_seed, tally)


async def _try(stack: stacks.Stack, job: Job, seeds: range, seconds: float, told: Callable[[Tally], None]) -> Tally:
    counting, began, said = Counting(), time.monotonic(), 0.0
    runner = await Runner.start(stack.python)
    try:
        async with aclosing(runner.explore(job, seeds, counting.known)) as ends:  # type: ignore[type-var]
            async for seed, end in ends:
                counting.add(seed, end)
                now = time.monotonic()
                if now > began + seconds:
                    break
                if now > said + 1.0:
                    said = now
                    told(counting.tally())
    finally:
        await runner.close()
        await asyncio.to_thread(lab.drop_schema, job.lab, job.schema, job.replica or None)
    return counting.tally()


def as_json(found: Explored) -> dict[str, Any]:
    """The one object that `--json` prints."""
    tally = found.tally
    return {
        "scenario": found.target.incident.name if found.target.incident else None,
        "program": found.target.program.name if found.target.program else str(found.target.path),
        "stack": found.stack,
        "runs": found.wanted,
        "first_seed": found.first_seed,
        "tried": tally.tried,
        "whole": found.whole,
        "schedules": tally.distinct,
        "every_order": tally.every,
        "doubt": tally.doubt,
        "ends": [
            {
                "outcome": group.outcome,
                "signature": group.signature,
                "summary": group.summary,
                "count": group.count,
                "schedules": group.distinct,
                "schedule": group.schedule,
                "seed": group.seed,
            }
            for group in tally.groups
        ],
        "other_ends": tally.others,
        "invariants": [{"name": rule.name, "judged": rule.judged, "broken": rule.broken} for rule in tally.rules],
        "declared": found.declared,
        "status": found.status,
    }


def as_text(found: Explored) -> str:
    """The same for people."""
    tally = found.tally
    name, schedules = f"{found.target.name} on {found.stack}", words.count(tally.distinct, "schedule")
    lines = [f"{name}: {words.count(tally.tried, 'order')} tried, {schedules} among them."]
    if tally.every:
        lines = [f"{name}: every order there is was tried, {schedules}."]
    elif not found.whole and not tally.void:
        lines.append(f"Ended after {found.seconds:g} s, the bound: {found.wanted} orders were asked for.")
    for group in tally.groups:
        share = f"{group.distinct:6} of {tally.distinct}" if tally.every else f"{group.count:6} of {tally.tried}"
        lines += ["", f"{share}  {group.outcome}: {group.summary}", f"        {_again(found, group)}"]
    if tally.others:
        lines += ["", f"{tally.others:6} of {tally.tried}  ended in still other ways"]
    lines += [""] * bool(tally.rules)
    lines += [f"  rule {rule.name}: broken in {rule.broken} of {rule.judged}" for rule in tally.rules]
    lines += ["", _meaning(found)]
    return "\n".join(lines)


def _again(found: Explored, group: Group) -> str:
    asked = ["interlock", "run", found.target.name, "--stack", found.stack, "--schedule", group.schedule]
    return shlex.join(asked)


def _meaning(found: Explored) -> str:
    tally = found.tally
    failed = f"It failed in {tally.failed} of {tally.tried} orders that were tried."
    again = "The schedule under each end is the shortest one found; it makes that run again."
    if tally.void:
        return f"{failed} In {tally.void} the program could not be run to its own end, which says nothing of it."
    if tally.doubt:
        failed += f" An order may end in another way another time: {tally.doubt}."
    if tally.every:
        failing = sum(group.distinct for group in tally.groups if group.outcome in FAILING)
        only = f"There is no other order, but for {BOUND}."
        share = f"in {failing or 'none'} of its {tally.distinct} orders"
        if tally.distinct == 1:
            share = "in the one order that it has" if failing else "not in the one order that it has"
        return f"It fails {share}. {again if failing else only}"
    if tally.failed:
        return f"{failed} {again}"
    return f"{failed} This is no proof that no order fails: there are others that were not tried."
