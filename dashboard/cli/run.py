"""One run from the command line: the same engine as the dashboard's, told as text or as one JSON object."""

from __future__ import annotations

import asyncio
import difflib
import secrets
import shlex
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.catalogue.folders import incident_dirs
from dashboard.catalogue.verdict import as_declared
from dashboard.catalogue.verdict import verdict
from dashboard.config import Settings
from dashboard.findings import why
from dashboard.servers import cluster
from dashboard.servers import lab
from interlock import schedule
from interlock.frame import OUTPUT
from interlock.frame import End
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Job
from interlock.job import Limits
from interlock.job import Request
from interlock.supervisor import Runner


class UsageError(Exception):
    """What was asked for cannot be run; the message says what could."""


@dataclass(frozen=True)
class Target:
    """What to run: a program of an incident, or a script of no incident."""

    path: Path
    incident: incidents.Incident | None = None
    program: incidents.Program | None = None
    requests: tuple[Request, ...] = ()  # that it is to answer, if it is a web application
    folder: str = ""  # of the incident, if it was asked for by its path

    @property
    def name(self) -> str:
        """What to write on the command line to have the same program again."""
        if self.incident is None or self.program is None:
            return str(self.path)
        return f"{self.folder or self.incident.name}/{self.program.name}"


@dataclass(frozen=True)
class Result:
    """A finished run and whether it came out as declared."""

    target: Target
    stack: str
    header: Header | None
    end: End
    expected: bool | None
    proof: tuple[why.Clause, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: 0 as declared (or ok, where nothing is declared), 1 otherwise, 2 if it could not be run.

        In whatever order: a script that asks whether the failure shows is not to be told yes when all went well.
        """
        if self.end.outcome in ("invalid", "interrupted"):
            return 2
        declared = self.declared
        return 0 if (as_declared(declared, self.end) if declared else self.end.outcome == "ok") else 1

    @property
    def declared(self) -> incidents.Expectation | None:
        return self.target.program.expectations.get(self.stack) if self.target.program else None


def find(settings: Settings, text: str, requests: Sequence[str] = (), headers: Sequence[str] = ()) -> Target:
    """What INCIDENT, INCIDENT/PROGRAM, an incident's folder or a path to a script means. Raises `UsageError`.

    Requests, such as "GET /users/1" or 'POST /orders {"product": 7}', are for a script that is a web application.
    """
    asked = tuple(_requests(requests, headers))
    if text.endswith(".py"):
        path = Path(text)
        if not path.is_file():
            raise UsageError(f"There is no file {text}.")
        return Target(path.resolve(), requests=asked)
    if asked:
        raise UsageError("--request is for a web application of your own: an incident declares its requests itself.")
    folder, name, wanted = _named(text)
    catalogue = incidents.load((Path(folder).resolve().parent,) if folder else incident_dirs(settings))
    incident = catalogue.incident(name)
    if incident is None:
        raise UsageError(
            f"There is no incident {name!r}. {_instead(name, [one.name for one in catalogue.incidents])} "
            "A script of your own is given by its path, ending in .py."
        )
    if not incident.programs:
        raise UsageError(
            f"The incident {name!r} has no program that can be run. {' '.join(map(str, incident.problems))}"
        )
    program = incident.program(wanted or "broken") or (None if wanted else incident.programs[0])
    if program is None:
        names = [one.name for one in incident.programs]
        raise UsageError(f"The incident {name!r} has no program {wanted!r}. {_instead(wanted, names)}")
    return Target(program.path.resolve(), incident, program, program.requests, folder)


def _named(text: str) -> tuple[str, str, str]:
    """The folder of an incident, if this is a path to one or to one of its programs; its name; and the program's."""
    above, _, last = text.rstrip("/").rpartition("/")
    for folder, program in ((text.rstrip("/"), ""), (above, last)):
        if folder and (Path(folder) / "incident.toml").is_file():
            return folder, Path(folder).resolve().name, program
    name, _, program = text.partition("/")
    return "", name, program


def _requests(texts: Sequence[str], headers: Sequence[str]) -> Iterator[Request]:
    """The requests that --request and --header ask for, named as their choices are: r1, r2, …"""
    if headers and not texts:
        raise UsageError("--header belongs to a --request.")
    if len(texts) > incidents.MAX_REQUESTS:
        raise UsageError(f"There are {len(texts)} requests; a program can have {incidents.MAX_REQUESTS}.")
    named = {name: value.strip() for name, _, value in (text.partition(":") for text in headers)}
    for number, text in enumerate(texts, 1):
        method, path, body = [*text.split(None, 2), "", "", ""][:3]
        request = Request(f"r{number}", method.upper(), path, named, body)
        if (wrong := incidents.request_mistake(request)) is not None:
            raise UsageError(f'{wrong[1]} Write --request "GET /users/1", not {text!r}.')
        yield request


def find_stack(settings: Settings, name: str) -> stacks.Stack:
    """An installed stack by its name. Raises `UsageError`."""
    known = stacks.catalogue(settings).stacks
    stack = next((one for one in known if one.name == name), None)
    if stack is None:
        raise UsageError(f"There is no stack {name!r}. {_instead(name, [one.name for one in known])}")
    if not stack.installed:
        raise UsageError(f"The stack {name} is not installed yet. Do it with: interlock stacks install {name}")
    return stack


def make_job(
    target: Target,
    stack: str,
    lab_url: str,
    plan: str | None,
    seed: int | None,
    natural: bool,
    replica_url: str = "",
) -> Job:
    """The job that these options ask for. Raises `UsageError` for a text that is no schedule."""
    declared = target.program.expectations.get(stack) if target.program else None
    if plan is None:
        plan = declared.schedule if declared else schedule.PREFIX
    try:
        plan = str(schedule.parse(plan))
    except schedule.ScheduleError as error:
        raise UsageError(str(error)) from error
    return Job(
        program=str(target.path),
        lab=lab_url,
        schema=f"cli_{secrets.token_hex(4)}",
        mode="natural" if natural else "random" if seed is not None else "replay",
        schedule=plan,
        seed=seed,
        setup=target.incident.setup if target.incident else "",
        invariants=target.incident.invariants if target.incident else (),
        requests=target.requests,
        replica=replica_url,
        replica_hosts=target.program.replica if target.program else (),
        limits=target.program.limits if target.program else Limits(),
        pictures=not natural or target.program is None or target.program.kind != "timing",
    )


@contextmanager
def servers(settings: Settings, target: Target) -> Iterator[tuple[str, str]]:
    """The URLs of the lab and, if the program uses one, of its replica; what is not there is started for the while."""
    with cluster.lab(settings) as lab_url:
        if target.program is None or not target.program.replica:
            yield lab_url, ""
            return
        with cluster.replica(replace(settings, lab_url=lab_url), "interlock run") as replica_url:
            yield lab_url, replica_url


async def play(
    settings: Settings, target: Target, stack: stacks.Stack, job: Job, tell: Callable[[Message], None]
) -> Result:
    """Play the job to its end, telling each message; the lab is left as it was found."""
    header: Header | None = None
    end: End | None = None
    history = why.History()
    runner = await Runner.start(stack.python)
    try:
        async for message in runner.play(job, _say_once()):
            tell(message)
            if isinstance(message, Header):
                header = message
            elif isinstance(message, Step):
                history.add(message)
            elif isinstance(message, End):
                end = message
    finally:
        await runner.close()
        await asyncio.to_thread(lab.drop_schema, job.lab, job.schema, job.replica or None)
    assert end is not None  # `Runner.play` promises one
    natural = job.mode == "natural"
    expected = verdict(target.program, stack.name, end, natural=natural) if target.program else None
    proof = why.why(history, end, header.sources if header else {})
    return Result(target, stack.name, header, end, expected, proof)


def run(
    settings: Settings,
    text: str,
    stack_name: str,
    plan: str | None,
    seed: int | None,
    natural: bool,
    tell: Callable[[Message], None],
    requests: Sequence[str] = (),
    headers: Sequence[str] = (),
) -> Result:
    """Find, play and judge; starts a lab for the while if none is there."""
    target = find(settings, text, requests, headers)
    tell_problems(target)
    stack = find_stack(settings, stack_name)
    make_job(target, stack.name, "", plan, seed, natural)  # a wrong schedule is told before any server starts
    with servers(settings, target) as (lab_url, replica_url):
        job = make_job(target, stack.name, lab_url, plan, seed, natural, replica_url)
        return asyncio.run(play(settings, target, stack, job, tell))


def tell_problems(target: Target) -> None:
    """What is wrong with the incident's folder, on the stream that scripts do not read."""
    for problem in target.incident.problems if target.incident else ():
        click.echo(problem, err=True)


def _say_once() -> Callable[[str], None]:
    """Tell people what is being waited for, on the stream that scripts do not read."""
    told: set[str] = set()

    def say(text: str) -> None:
        if text not in told:
            told.add(text)
            click.echo(f"{text}…", err=True)

    return say


def as_json(result: Result) -> dict[str, Any]:
    """The one object that `--json` prints."""
    end, header = result.end, result.header
    return {
        "scenario": result.target.incident.name if result.target.incident else None,
        "program": result.target.program.name if result.target.program else str(result.target.path),
        "stack": result.stack,
        "versions": header.versions if header else {},
        "schedule": end.schedule,
        "steps": max(0, end.steps),
        "tasks": [
            {
                "name": task.name,
                "outcome": task.outcome,
                "error": {"type": task.errors[0].type, "message": task.errors[0].message} if task.errors else None,
            }
            for task in end.tasks
        ],
        "invariants": [{"name": one.name, "holds": one.holds} for one in end.invariants],
        "outcome": end.outcome,
        "signature": end.signature,
        "duration_s": round(end.duration_ms / 1000, 3),
        "detail": end.detail,
        "expected": result.expected,
        "why": why.as_data(result.proof),
    }


_TOLD = (*OUTPUT, "orphan", "task-ended")  # kinds of events that the command line shows


def as_line(message: Message) -> str:
    """A message as a line or a few for people; "" for what they need not see."""
    if isinstance(message, Step):
        said = [f"        {event.kind}: {event.text}" for event in message.events if event.kind in _TOLD]
        return "\n".join([f"{message.number:4}  {message.text}", *said])
    return ""


def as_text(result: Result) -> str:
    """How a run came out, for people, with the command that replays it."""
    end = result.end
    lines = ["", f"{end.outcome}: {end.detail or end.summary}"]
    if end.place:
        lines.append(f"at {end.place.file}, line {end.place.line}: {end.place.text}")
    lines += [f"  {_MARKS[one.holds]} {one.name}{f': {one.detail}' if one.detail else ''}" for one in end.invariants]
    if result.proof:
        lines += [f"{why.title(end)}:", *(f"  {line}" for line in why.as_lines(result.proof))]
    if result.declared is not None and end.outcome not in ("invalid", "interrupted"):
        as_declared = result.status == 0
        lines.append(f"The incident declares {'this' if as_declared else 'another end'} for this stack.")
    if end.steps < 0:  # the program never began
        return "\n".join(lines)
    replay = ["interlock", "run", result.target.name, "--stack", result.stack, "--schedule", end.schedule]
    if result.target.program is None:
        asked = result.target.requests
        replay += [word for one in asked for word in ("--request", f"{one.line} {one.body}".strip())]
        replay += [word for name, text in _headers(asked).items() for word in ("--header", f"{name}: {text}")]
    lines.append(
        f"signature {end.signature}, {end.steps} steps, {end.duration_ms / 1000:.2f} s. Again: {shlex.join(replay)}"
    )
    return "\n".join(lines)


def _headers(requests: Sequence[Request]) -> dict[str, str]:
    """The headers that the command line gave: each request has the same ones."""
    return requests[0].headers if requests else {}


_MARKS = {True: "holds:", False: "BROKEN:", None: "unknown:"}


def _instead(text: str, names: list[str]) -> str:
    close = difflib.get_close_matches(text, names, 1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(names) or 'none'}."
