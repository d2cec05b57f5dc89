"""Every program of the catalogue on every stack that it names: `make matrix`.

The shipped schedule ends as declared, each time with the same journal; a fix holds under the schedules that break the
broken programs, and under others drawn by chance, too: under all that there are, where they are few enough.
What `tests/lab/test_catalogue.py` does with a few runs of each, this does with many, on all processors.

The first replays are played from the program's import on, the rest are forked from where its event loop begins: those
show that from there on nothing makes a difference, and cost less. What the import may make different, in an interpreter
of its own each time, is what `make prove` looks for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_CHILDREN
from resource import RUSAGE_SELF
from resource import getrusage

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.catalogue.incidents import Incident
from dashboard.catalogue.incidents import Program
from dashboard.catalogue.verdict import verdict
from dashboard.config import Settings
from dashboard.findings import why
from dashboard.servers import cluster
from dashboard.servers.lab import drop_schema
from interlock import journal
from interlock.frame import End
from interlock.frame import Message
from interlock.job import Job
from interlock.job import Limits
from interlock.orders import Orders
from interlock.supervisor import Runner
from tests.claims import assert_true
from tests.databases import fresh_database
from tests.serving import KEPT
from tests.serving import data_folder
from tests.serving import quiet

REPLAYS = 20
WHOLE = 2  # of them each from its import on; the others are forked where its event loop begins, and tell a digest
SEEDS = 200
AT_ONCE = 2 * (os.cpu_count() or 1)
STANDS_STILL = ("hang", "stuck")  # for seconds, until the engine is sure of it
CATALOGUE = incidents.load([Path(__file__).resolve().parents[1] / "scenarios"])


@dataclass(frozen=True)
class Case:
    """A program on a stack that it declares something for."""

    incident: Incident
    program: Program
    stack: str

    def __str__(self) -> str:
        return f"{self.incident.name}/{self.program.name}-{self.stack}"

    @property
    def slow(self) -> bool:
        return self.program.expectations[self.stack].outcome in STANDS_STILL

    def job(self, lab_url: str, schema: str, replica_url: str = "") -> Job:
        expected = self.program.expectations[self.stack]
        return Job(
            str(self.program.path),
            lab_url,
            schema,
            schedule=expected.schedule,
            setup=self.incident.setup,
            invariants=self.incident.invariants,
            requests=self.program.requests,
            # What is expected to stand still need not be watched for long.
            limits=Limits(hang_after=1.5) if expected.outcome == "hang" else Limits(),
            replica=replica_url,
            replica_hosts=self.program.replica,
        )

    @property
    def breaking(self) -> set[str]:
        """The schedules under which the incident's broken programs show on this stack what is wrong with them."""
        broken = [program for program in self.incident.programs if program.kind == "broken"]
        return {program.expectations[self.stack].schedule for program in broken if self.stack in program.expectations}

    def misses(self, end: End, *, strict: bool = False) -> str:
        """What is not as declared about an end, "" if all is; `strict`: every rule has to hold, too."""
        if verdict(self.program, self.stack, end) is not True:
            return f"{end.schedule}: {end.summary}"
        wrong = [rule for rule in end.invariants if rule.holds is None or (strict and not rule.holds)]
        return "; ".join(f"{end.schedule}: “{rule.name}”: {rule.detail}" for rule in wrong)


def cases() -> Iterator[Case]:
    for incident in CATALOGUE.incidents:
        for program in incident.programs:
            for stack in program.expectations:
                yield Case(incident, program, stack)


def unproven(case: Case, messages: list[Message]) -> str:
    """What is wrong with the proof of a broken program's end: it has to say more than how it ended, and truly."""
    proof = why.of_journal(messages)
    try:
        assert_true(proof, messages)
    except AssertionError as error:
        return f"the proof says what is not so: {error}"
    proves = any(clause.claim not in ("broken", "met", "failed") for clause in proof)
    fails = case.program.kind == "broken" and case.program.expectations[case.stack].outcome != "ok"
    return "the proof says no more than how it ended" if fails and not proves else ""


async def replayed(case: Case, runner: Runner, job: Job, times: int) -> list[str]:
    """Whatever is wrong with so many replays of the shipped schedule."""
    digests: Counter[str] = Counter()
    ends, fix = [], case.program.kind == "fix"
    for number in range(min(times, WHOLE)):
        messages: list[Message] = [message async for message in runner.play(job)]
        if number == 0 and (missed := unproven(case, messages)):
            return [missed]
        ends.append(messages[-1])
        digests[journal.digest(messages[1:])] += 1  # but for the header, which is made before the program is imported
    if times > WHOLE:
        async for digest, end in runner.replay(job, times - WHOLE):
            ends.append(end)
            digests[digest] += 1
    if wrong := [missed for end in ends if (missed := case.misses(end, strict=fix))]:
        return wrong[:1]
    if (len(ends), len(digests)) != (times, 1):
        return [f"{len(ends)} of {times} replays made {len(digests)} journals: {digests.most_common()}"]
    return []


async def broken_at(case: Case, runner: Runner, job: Job) -> list[str]:
    """Whatever is wrong with a fix under the schedules that break the broken programs, as far as they go with it."""
    wrong = []
    for schedule in sorted(case.breaking):
        asked = replace(job, mode="follow", schedule=schedule, pictures=False)
        end = [message async for message in runner.play(asked)][-1]
        if missed := case.misses(end, strict=True):
            wrong.append(f"following {schedule}, {missed}")
    return wrong


async def explored(case: Case, runner: Runner, job: Job, seeds: Sequence[int], orders: Orders) -> list[str]:
    """Whatever is wrong with an order for each of these seeds, or with any order where there are few enough."""
    wrong, seen = [], []
    async for seed, end in runner.explore(job, seeds, orders):
        seen += [seed] if seed is not None else []
        if missed := case.misses(end, strict=True):
            wrong.append(f"{'aimed at' if seed is None else f'seed {seed}'}, {missed}")
    return wrong if seen == list(seeds) else [*wrong, f"only the seeds {seen} were tried"]


def told(orders: Orders) -> str:
    """What is known of a case's orders."""
    doubt = f", {orders.doubt}" if orders.doubt else ""
    return f"{'all ' if orders.whole else ''}{orders.tried} orders, {orders.played} runs{doubt}"


@asynccontextmanager
async def runners(settings: Settings) -> AsyncIterator[dict[str, Runner]]:
    """A warm runner for each stack."""
    started: dict[str, Runner] = {}
    try:
        for stack in stacks.catalogue(settings).stacks:
            started[stack.name] = await Runner.start((await stacks.install(settings, stack.name, quiet, quiet)).python)
        yield started
    finally:
        for runner in started.values():
            await runner.close()


async def matrix(
    lab_url: str, replica_url: str, wanted: Sequence[Case], replays: int, seeds: int, found: Found
) -> None:
    """Work through the cases, more at once than there are processors, since some stand still for seconds.

    Each worker has a database of its own, since advisory locks and channels belong to a whole one. Programs with a
    replica share theirs, and have it one after the other.
    """
    todo = iter(sorted(wanted, key=lambda case: not case.slow))

    async def work(number: int) -> None:
        schema = f"cli_matrix_{number}"
        with fresh_database(lab_url) as own:
            async with runners(Settings(KEPT)) as warm:
                for case in todo:
                    began, orders = time.monotonic(), Orders()
                    url = lab_url if case.program.replica else own
                    runner, job = warm[case.stack], case.job(url, schema, replica_url)
                    wrong = await replayed(case, runner, job, min(replays, WHOLE) if case.slow else replays)
                    if case.program.kind == "fix":
                        wrong += await broken_at(case, runner, job)
                        wrong += await explored(case, runner, job, range(seeds), orders)
                        found.add(orders)
                    found.wrong += [str(case)] * bool(wrong)
                    line = f"{'no' if wrong else 'ok'}  {time.monotonic() - began:5.1f} s  {case}"
                    print(f"{line}  {told(orders)}" if orders.played else line, *wrong, sep="\n    ", flush=True)
        drop_schema(lab_url, schema, replica_url or None)

    await asyncio.gather(*(work(number) for number in range(min(AT_ONCE, len(wanted)))))


@dataclass
class Found:
    """What came of the matrix."""

    wrong: list[str] = field(default_factory=list)
    fixes: int = 0
    whole: int = 0  # fixes of which every order was tried
    played: int = 0
    answered: int = 0

    def add(self, orders: Orders) -> None:
        self.fixes += 1
        self.whole += orders.whole
        self.played += orders.played
        self.answered += orders.answered


def work_done() -> float:
    """Seconds of processors that this process and those it has waited for have used, the servers among them."""
    return sum(one.ru_utime + one.ru_stime for one in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make matrix ARGS=…", description=__doc__)
    parser.add_argument("part", nargs="?", default="", help="only cases whose incident/program-stack has this in it")
    parser.add_argument("--replays", type=int, default=REPLAYS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args(arguments)
    wanted = [case for case in cases() if options.part in str(case)]
    began, found = time.monotonic(), Found()
    with ExitStack() as stack:
        folder = stack.enter_context(data_folder(()))
        lab_url, replica_url = stack.enter_context(cluster.lab(Settings(folder))), ""
        if any(case.program.replica for case in wanted):
            replica_url = stack.enter_context(cluster.replica(Settings(folder)))
        asyncio.run(matrix(lab_url, replica_url, wanted, options.replays, options.seeds, found))
    known = f"{found.played} runs, {found.answered} seeds known"
    tried = f"{found.fixes} fixes, {found.whole} of them in every order: {known}"
    took = f"{time.monotonic() - began:.0f} s, {work_done():.0f} s of processors"
    print(f"{len(wanted)} programs on stacks in {took}. {tried}. {len(found.wrong)} not as declared", *found.wrong)
    return 1 if found.wrong or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
