"""The catalogue of incidents, read from folders on disk.

An incident is a folder: `incident.toml` says what it is and what to expect of its programs, `story.md` tells it,
`schema.sql` prepares the data, `invariants.sql` holds the rules the data must keep, and each program is a Python file.
Whatever is wrong with a folder becomes a `Problem` with file and line, shown on that incident's own page; it never
hides the others. Nothing here imports or runs an incident's code.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from dashboard import sqlfiles
from dashboard.catalogue.handwritten import Key
from dashboard.catalogue.handwritten import Problem
from dashboard.catalogue.handwritten import Toml
from dashboard.catalogue.handwritten import read_text
from interlock import schedule
from interlock.job import Invariant
from interlock.job import Limits
from interlock.job import Request

KINDS = ("broken", "fix", "probe", "timing")
OUTCOMES = ("ok", "error", "silent", "hang", "crash", "stuck", "limit")
"""What can be expected of a program: the outcomes of `End` that tell of it, and not of who ran it."""

FAMILIES = ("sharing", "lifetime", "cancellation", "pool", "loop", "orm", "database", "replica", "guarantees")
"""What an incident is a case of; how these are called on the pages is in `presenters.words`."""

NAME = re.compile(r"[a-z][a-z0-9_]*")

METHODS = ("get", "post", "put", "patch", "delete")
MAX_REQUESTS = 50  # of a program
MAX_HEADERS = 50  # of a request
MAX_BODY = 65_536  # characters
_PATH = re.compile(r"/[!-~]{0,2000}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}: ?[ -~]{0,2000}")


@dataclass(frozen=True)
class Expectation:
    """How a program ends on a stack."""

    outcome: str
    error: str = ""  # occurs in some task's chain of errors, as "Type: message"
    schedule: str = schedule.PREFIX  # the schedule that shows it


@dataclass(frozen=True)
class Program:
    """One script of an incident."""

    name: str
    title: str
    kind: str  # one of KINDS
    path: Path
    expectations: Mapping[str, Expectation] = field(default_factory=dict)  # by stack
    requests: tuple[Request, ...] = ()  # with any, it is a web application that answers them
    replica: tuple[str, ...] = ()  # host names in its DSNs that mean the lab's replica
    limits: Limits = field(default_factory=Limits)
    fixes: tuple[str, ...] = ()  # of a fix: the programs that it is against; none named: all of the incident's

    def helps(self, other: Program) -> bool:
        """Whether it is a fix for another program of its incident."""
        return self.kind == "fix" and other.kind != "fix" and other.name in (self.fixes or (other.name,))


@dataclass(frozen=True)
class Incident:
    """A folder of the catalogue. One with problems has whatever could be read of it."""

    name: str
    title: str
    folder: Path
    symptom: str = ""
    also: tuple[str, ...] = ()  # other lines by which people meet it
    summary: str = ""
    family: str = ""  # one of FAMILIES; "" if it is none of them
    story: Markup = field(default_factory=Markup)  # HTML, safe to show
    programs: tuple[Program, ...] = ()
    setup: str = ""
    invariants: tuple[Invariant, ...] = ()
    sources: tuple[str, ...] = ()
    featured: bool = False  # shown before the others
    problems: tuple[Problem, ...] = ()

    @property
    def stacks(self) -> tuple[str, ...]:
        """The stacks that its programs declare something for, in the order of their first mention."""
        return tuple(dict.fromkeys(stack for program in self.programs for stack in program.expectations))

    def program(self, name: str) -> Program | None:
        return next((program for program in self.programs if program.name == name), None)

    def fails(self, name: str, stack: str) -> bool:
        """Whether a program is declared to fail on a stack."""
        program = self.program(name)
        expected = program.expectations.get(stack) if program else None
        return expected is not None and expected.outcome != "ok"

    def spared(self, name: str, stack: str) -> tuple[str, ...]:
        """The stacks on which a broken program is declared to fail, if it is declared to end well on this one."""
        program = self.program(name)
        if program is None or program.kind != "broken" or stack not in program.expectations or self.fails(name, stack):
            return ()
        return tuple(other for other in program.expectations if self.fails(name, other))

    def mends(self, name: str) -> str:
        """What a fix does, its title; "" of any other program."""
        return self._title(name, "fix")

    def probes(self, name: str) -> str:
        """What a probe looks at, its title; "" of any other program."""
        return self._title(name, "probe")

    def _title(self, name: str, kind: str) -> str:
        program = self.program(name)
        return program.title if program is not None and program.kind == kind else ""


@dataclass(frozen=True)
class Catalogue:
    """Every incident that was found, by name."""

    incidents: tuple[Incident, ...] = ()
    problems: tuple[Problem, ...] = ()

    def incident(self, name: str) -> Incident | None:
        return next((incident for incident in self.incidents if incident.name == name), None)


def load(dirs: Iterable[Path]) -> Catalogue:
    """Read the catalogue. A folder whose files have not changed since the last call is not read again."""
    incidents: dict[str, Incident] = {}
    problems: list[Problem] = []
    for base in dirs:
        if not base.is_dir():
            problems.append(
                Problem(base, 1, "There is no such folder of incidents. Create it, or take it off the settings.")
            )
            continue
        for folder in sorted(base.iterdir()):
            if not _holds_one(folder):
                continue
            incident = _cached(folder)
            problems += incident.problems
            earlier = incidents.setdefault(incident.name, incident)
            if earlier is not incident:
                message = (
                    f"{earlier.folder} is called {incident.name!r} too and comes first. Rename one of the folders."
                )
                problems.append(Problem(folder, 1, message))
    ordered = sorted(incidents.values(), key=lambda incident: not incident.featured)
    return Catalogue(tuple(ordered), tuple(problems))


def find(dirs: Iterable[Path], name: str) -> Incident | None:
    """One incident of the catalogue, as it is now. Its folder has its name, so no other one is looked at."""
    try:
        there = (base / name for base in dirs if _holds_one(base / name) and base / name in base.iterdir())
        return next((_cached(folder) for folder in there), None)
    except OSError:  # it cannot be a name of anything
        return None


def _holds_one(folder: Path) -> bool:
    return folder.is_dir() and not folder.name.startswith((".", "_"))


_cache: dict[Path, tuple[object, Incident]] = {}


def _cached(folder: Path) -> Incident:
    try:
        # lstat: an editor's lock file may be a link to nowhere, and it says enough of the others
        state = [(path.name, path.lstat().st_mtime_ns, path.lstat().st_size) for path in sorted(folder.iterdir())]
        known = _cache.get(folder)
        if known is None or known[0] != state:
            known = _cache[folder] = state, read(folder)
        return known[1]
    except OSError as error:
        message = f"This folder cannot be read: {error.strerror}."
        return Incident(folder.name, folder.name, folder, problems=(Problem(folder, 1, message),))


def read(folder: Path) -> Incident:
    """Read one incident's folder, mistakes included."""
    problems: list[Problem] = []
    if not NAME.fullmatch(folder.name):
        problems.append(Problem(folder, 1, f"The folder's name is the incident's: {NAMES}."))
    toml = Toml(
        folder / "incident.toml",
        problems,
        "An incident is a folder with this file in it; docs/authors-guide.md shows one.",
    )
    table = toml.fields(toml.root, _INCIDENT, "an incident")
    schema, rules, story = folder / "schema.sql", folder / "invariants.sql", folder / "story.md"
    setup = read_text(schema, problems) if schema.exists() else ""
    problems += (Problem(schema, *mistake) for mistake in sqlfiles.mistakes(setup))
    queries, mistakes = sqlfiles.queries(read_text(rules, problems) if rules.exists() else "")
    problems += (Problem(rules, *mistake) for mistake in mistakes)
    problems += (problem for path in sorted(folder.glob("[!.]*.py")) if (problem := _syntax(path)))
    return Incident(
        name=folder.name,
        title=table.get("title", folder.name),
        folder=folder,
        symptom=table.get("symptom", ""),
        also=tuple(line for line in table.get("also", []) if isinstance(line, str)),
        summary=table.get("summary", ""),
        family=table.get("family", ""),
        story=_html(read_text(story, problems, "It tells in plain words what people see, and why.")),
        programs=tuple(_programs(toml, table.get("program", []), _replica(toml, table, 1))),
        setup=setup,
        invariants=tuple(Invariant(query.name, query.sql) for query in queries),
        sources=tuple(source for source in table.get("sources", []) if isinstance(source, str)),
        featured=table.get("featured", False),
        problems=tuple(problems),
    )


_INCIDENT = {
    "title": Key(str, required=True),
    "symptom": Key(str),
    "also": Key(list),
    "summary": Key(str),
    "family": Key(str, words=FAMILIES),
    "sources": Key(list),
    "featured": Key(bool),
    "replica": Key(list),
    "program": Key(list, required=True),
}
_PROGRAM = {
    "name": Key(str, required=True),
    "title": Key(str, required=True),
    "kind": Key(str, required=True, words=KINDS),
    "replica": Key(list),
    "steps": Key(int),
    "seconds": Key(int),
    "fixes": Key(list),
    "stacks": Key(dict),
    "request": Key(list),
}
_REQUEST = {
    "name": Key(str, required=True),
    **{method: Key(str) for method in METHODS},
    "headers": Key(dict),
    "body": Key(str),
}
_EXPECTATION = {
    "outcome": Key(str, required=True, words=OUTCOMES),
    "error": Key(str),
    "schedule": Key(str),
}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
NAMES = "lower-case letters, digits and underscores, a letter first"


def _programs(toml: Toml, tables: list[Any], replica: tuple[str, ...]) -> Iterator[Program]:
    """The programs; `replica` is what the incident says for those that do not say it themselves."""
    starts = [number for number, line in enumerate(toml.lines, 1) if re.match(r"\s*\[\[\s*program\s*]]", line)]
    names = [table.get("name") for table in tables if isinstance(table, dict)]
    seen: set[str] = set()
    for table, start in zip_longest(tables, starts[: len(tables)], fillvalue=1):
        if not isinstance(table, dict):
            toml.problem("A program is a table: begin it with a line [[program]].", toml.line("program"))
            continue
        fields = toml.fields(table, _PROGRAM, "a program", start)
        name = fields.get("name", "")
        path = toml.path.parent / f"{name}.py"
        if not NAME.fullmatch(name):
            if name:
                toml.problem(f"{name!r} cannot be a program's name: {NAMES}.", toml.line("name", start))
        elif name in seen:
            toml.problem(f"There is a program {name!r} before this one already.", toml.line("name", start))
        elif not path.is_file():
            message = f"The program {name!r} has no file: {path.name} is expected beside incident.toml."
            toml.problem(message, toml.line("name", start))
        else:
            seen.add(name)
            expectations = dict(_expectations(toml, fields.get("stacks", {}), start))
            requests = tuple(_requests(toml, fields.get("request", []), start))
            hosts = _replica(toml, fields, start) if "replica" in fields else replica
            bounds = {bound: fields[bound] for bound in ("steps", "seconds") if bound in fields}
            title, kind, fixes = fields.get("title", name), fields.get("kind", "probe"), fields.get("fixes", [])
            for other in fixes:
                if other not in names:
                    toml.problem(f"There is no program {other!r} here that it could fix.", toml.line("fixes", start))
            against = tuple(one for one in fixes if one in names)
            yield Program(name, title, kind, path, expectations, requests, hosts, Limits(**bounds), against)


def _requests(toml: Toml, tables: list[Any], start: int) -> Iterator[Request]:
    """The requests of a program. Each mistake becomes a problem, and its request is left out."""
    line = start
    seen: set[str] = set()
    if len(tables) > MAX_REQUESTS:
        toml.problem(
            f"There are {len(tables)} requests; a program can have {MAX_REQUESTS}.", toml.line("request", line)
        )
    for table in tables[:MAX_REQUESTS]:
        line = toml.line("[program.request]", line + 1)
        if not isinstance(table, dict):
            toml.problem("A request is a table: begin it with a line [[program.request]].", toml.line("request", start))
            return
        fields = toml.fields(table, _REQUEST, "a request", line)
        methods = [method for method in METHODS if method in fields] or [""]
        name, headers = fields.get("name", "x"), fields.get("headers", {})
        request = Request(name, methods[0].upper(), fields.get(methods[0], ""), headers, fields.get("body", ""))
        wrong = request_mistake(request)  # the key with the mistake, and what it is
        if len(methods) > 1:
            wrong = "name", _ONE_METHOD
        elif wrong is None and fields.get("name") in seen:
            wrong = "name", f"There is a request {fields['name']!r} before this one already."
        if wrong is not None:
            toml.problem(wrong[1], toml.line(wrong[0], line))
        elif "name" in fields:
            seen.add(fields["name"])
            yield request


_ONE_METHOD = f"A request has one of {', '.join(METHODS)}, with its path."


def request_mistake(request: Request) -> tuple[str, str] | None:
    """What is wrong with a request as somebody wrote it: the key in question, and why it will not do."""
    if request.method.lower() not in METHODS:
        return "name", _ONE_METHOD
    if not _PATH.fullmatch(request.path):
        said = "A path begins with / and has neither spaces nor letters beyond ASCII; write them as %20."
        return request.method.lower(), said
    if not NAME.fullmatch(request.name):
        return "name", f"{request.name!r} cannot be a request's name: {NAMES}."
    if len(request.headers) > MAX_HEADERS or not all(map(_is_header, request.headers.items())):
        return "headers", f'Headers are at most {MAX_HEADERS} names and texts of ASCII: {{ "X-User" = "ann" }}.'
    if len(request.body) > MAX_BODY:
        return "body", f"A body has at most {MAX_BODY:,} characters."
    return None


def _is_header(item: tuple[str, object]) -> bool:
    name, text = item
    return isinstance(text, str) and _HEADER.fullmatch(f"{name}: {text}") is not None


def _replica(toml: Toml, table: dict[str, Any], start: int) -> tuple[str, ...]:
    """Host names that mean the replica. One that no file of the folder has is a slip of the pen."""
    hosts = []
    for host in table.get("replica", []):
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            toml.problem(
                f"{host!r} is no host name. 'replica' lists those of the replica.", toml.line("replica", start)
            )
        elif not any(host in path.read_text("utf-8", "replace") for path in toml.path.parent.glob("[!.]*.py")):
            toml.problem(
                f"No program here connects to {host!r}; 'replica' names hosts of their DSNs.", toml.line(host, start)
            )
        else:
            hosts.append(host)
    return tuple(hosts)


def _expectations(toml: Toml, tables: dict[str, Any], start: int) -> Iterator[tuple[str, Expectation]]:
    for stack, table in tables.items():
        line = toml.line(stack, start)
        if not isinstance(table, dict):
            toml.problem(f'What is expected on {stack!r} must be a table, at least {{ outcome = "ok" }}.', line)
            continue
        fields = toml.fields(table, _EXPECTATION, "an expectation", line)
        try:
            schedule.parse(fields.get("schedule", ""))
        except schedule.ScheduleError as error:
            toml.problem(str(error), toml.line("schedule", line))
            continue
        if "outcome" in fields:
            yield stack, Expectation(**fields)


def _syntax(path: Path) -> Problem | None:
    """The first mistake in a Python file, as far as this Python can tell without running it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(path.read_bytes(), path.name)
    except SyntaxError as error:
        return Problem(path, error.lineno or 1, f"This is not Python: {error.msg}.")
    except (ValueError, OSError) as error:
        return Problem(path, 1, f"{path.name} cannot be read as Python: {error}.")
    return None


_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
"""HTML in a story is shown as text, links cannot hold scripts, and pictures from elsewhere would tell who reads it."""


def _html(story: str) -> Markup:
    return Markup(_markdown.render(story).replace("<h2>What to do</h2>", '<h2 id="what-to-do">What to do</h2>'))
