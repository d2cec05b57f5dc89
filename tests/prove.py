"""Proof of determinism: one schedule, replayed over and over in fresh interpreters, gives one journal. `make prove`.

Each replay starts an interpreter of its own, so that addresses, hashes and imports differ as much as they ever will;
journals are compared whole, by their digest, with only process ids and dates left out (`frame.VOLATILE`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import field

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.catalogue.incidents import Incident
from dashboard.config import Settings
from dashboard.servers import cluster
from dashboard.servers.lab import drop_schema
from interlock import journal
from interlock.frame import Message
from interlock.job import Job
from interlock.supervisor import Runner
from tests.serving import quiet

AT_ONCE = os.cpu_count() or 1


@dataclass
class Proof:
    """What came of the replays of one program on one stack."""

    program: str
    stack: str
    digests: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    difference: str = ""

    @property
    def holds(self) -> bool:
        return len(self.digests) == 1


async def prove(
    python: str,
    lab_url: str,
    incident: Incident,
    program: str,
    stack: str,
    runs: int,
    at_once: int = AT_ONCE,
    replica_url: str = "",
) -> Proof:
    """Replay the shipped schedule `runs` times and compare the journals."""
    proof = Proof(program, stack)
    found = incident.program(program)
    assert found is not None
    expected = found.expectations.get(stack)
    first: list[Message] = []
    numbers = iter(range(runs))

    async def replay_on(schema: str) -> None:
        job = Job(
            str(found.path),
            lab_url,
            schema,
            schedule=expected.schedule if expected else "il1:",
            setup=incident.setup,
            invariants=incident.invariants,
            requests=found.requests,
            replica=replica_url,
            replica_hosts=found.replica,
        )
        for _ in numbers:
            runner = await Runner.start(python)
            try:
                messages = [message async for message in runner.play(job)]
            finally:
                await runner.close()
            if not first:
                first.extend(messages)
            proof.digests[journal.digest(messages)] += 1
            proof.outcomes[f"{messages[-1].outcome}: {messages[-1].summary}"] += 1
            if not proof.holds and not proof.difference:
                index, one, other = journal.first_difference(first, messages) or (0, "", "")
                proof.difference = f"message {index}:\n  {_around(one, other)}\n  {_around(other, one)}"

    schemas = [f"prove_{os.getpid()}_{number}" for number in range(at_once)]
    try:
        await asyncio.gather(*(replay_on(schema) for schema in schemas))
    finally:
        for schema in schemas:
            await asyncio.to_thread(drop_schema, lab_url, schema, replica_url or None)
    return proof


def _around(text: str, other: str) -> str:
    same = next((index for index, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    return text[max(0, same - 120) : same + 120]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make prove ARGS=…", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="replays of each program on each stack")
    parser.add_argument("--incident", default="shared_session")
    parser.add_argument("--program", action="append", help="may be given more than once; default: broken")
    options = parser.parse_args(arguments)
    settings = Settings.from_env()
    incident = incidents.load(settings.scenario_dirs).incident(options.incident)
    if incident is None:
        parser.error(f"there is no incident {options.incident!r}")
    failed = 0
    with ExitStack() as servers:
        lab_url, replica_url = servers.enter_context(cluster.lab(settings)), ""
        if any(program.replica for program in incident.programs):
            replica_url = servers.enter_context(cluster.replica(settings))
        for program in options.program or ["broken"]:
            for stack in incident.stacks:
                python = asyncio.run(stacks.install(settings, stack, quiet, quiet)).python
                began = time.monotonic()
                proving = prove(python, lab_url, incident, program, stack, options.runs, replica_url=replica_url)
                proof = asyncio.run(proving)
                took = time.monotonic() - began
                word = "identical" if proof.holds else f"{len(proof.digests)} DIFFERENT"
                print(f"{program:20} {stack:20} {options.runs} replays: {word} ({took:.0f} s)")
                for text, count in proof.outcomes.most_common():
                    print(f"    {count:5} × {text[:150]}")
                if not proof.holds:
                    failed += 1
                    print(proof.difference)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
