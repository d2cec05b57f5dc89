"""Experiments that compare the programs of an incident, as its `patterns.toml` defines them.

Each is a run of a program under a schedule, found among all runs by just that, whoever has started it. What it answers
is read from the run (`runs.facts`); nothing of it is written down by hand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.catalogue.handwritten import Key
from dashboard.catalogue.handwritten import Problem
from dashboard.catalogue.handwritten import Toml
from dashboard.catalogue.incidents import Catalogue
from dashboard.catalogue.incidents import Incident
from dashboard.catalogue.incidents import Program
from interlock import schedule

FILE = "patterns.toml"
QUESTIONS = ("plain", "changes", "fails", "dies", "recovers")
"""What is done to a pattern: nothing; somebody else's commit in between; a part's backend is ended; the process dies
between two commits; so it seems to the server, and somebody recovers.
"""


@dataclass(frozen=True)
class Experiment:
    """A run that is wanted."""

    program: str
    mode: str
    schedule: str


@dataclass(frozen=True)
class Pattern:
    """A way to do the work, and the runs that show what it keeps, by question."""

    program: Program
    demands: str
    experiments: Mapping[str, Experiment]
    lines: int  # of code, without imports and what calls it


@dataclass(frozen=True)
class Patterns:
    """Everything that is compared."""

    incident: Incident
    stack: str
    timing: Experiment
    baseline: str  # the program that times are compared with
    meanwhile: str  # the task that is somebody else's
    whole: str  # the rule that tells whether the work is atomic,
    same: str  # and the one that tells whether all of it saw the same data
    advice: tuple[str, ...]
    patterns: tuple[Pattern, ...]

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """Each once. First those in which something is done to the program, so that the latest run of each is a plain
        one; last of all the one that measures.
        """
        found = dict.fromkeys(one for pattern in self.patterns for one in pattern.experiments.values())
        return (*sorted(found, key=lambda one: one.schedule == schedule.PREFIX), self.timing)


_PATTERNS = {
    "stack": Key(str, required=True),
    "timing": Key(str, required=True),
    "baseline": Key(str, required=True),
    "meanwhile": Key(str, required=True),
    "whole": Key(str, required=True),
    "same": Key(str, required=True),
    "advice": Key(list, required=True),
    "pattern": Key(list, required=True),
}
_PATTERN = {
    "program": Key(str, required=True),
    "demands": Key(str, required=True),
    **{question: Key(str) for question in QUESTIONS[1:]},
}


def find(catalogue: Catalogue) -> tuple[Patterns | None, tuple[Problem, ...]]:
    """The first incident with something to compare, and what is wrong with how it says so."""
    for incident in catalogue.incidents:
        if (incident.folder / FILE).is_file():
            return read(incident)
    return None, ()


def read(incident: Incident) -> tuple[Patterns | None, tuple[Problem, ...]]:
    """What an incident compares; None if that cannot be made out."""
    problems: list[Problem] = []
    toml = Toml(incident.folder / FILE, problems)
    table = toml.fields(toml.root, _PATTERNS, "a comparison")
    rules = [rule.name for rule in incident.invariants]
    for name in ("whole", "same"):
        if name in table and table[name] not in rules:
            toml.problem(f"There is no rule {table[name]!r} in invariants.sql.", toml.line(name))
    for name in ("timing", "baseline"):
        if name in table and incident.program(table[name]) is None:
            toml.problem(f"There is no program {table[name]!r} here.", toml.line(name))
    patterns = tuple(_patterns(toml, incident, table.get("pattern", [])))
    if problems:
        return None, tuple(problems)
    advice = tuple(text for text in table["advice"] if isinstance(text, str))
    timing = Experiment(table["timing"], "natural", schedule.PREFIX)
    named = {name: table[name] for name in ("stack", "baseline", "meanwhile", "whole", "same")}
    return Patterns(incident, timing=timing, advice=advice, patterns=patterns, **named), ()


def _patterns(toml: Toml, incident: Incident, tables: list[object]) -> Iterator[Pattern]:
    starts = [number for number, line in enumerate(toml.lines, 1) if re.match(r"\s*\[\[\s*pattern\s*]]", line)]
    for table, start in zip(tables, starts, strict=False):
        if not isinstance(table, dict):
            toml.problem("A pattern is a table: begin it with a line [[pattern]].", start)
            continue
        fields = toml.fields(table, _PATTERN, "a pattern", start)
        program = incident.program(fields.get("program", ""))
        if program is None:
            toml.problem(f"There is no program {fields.get('program', '')!r} here.", start)
            continue
        experiments = {"plain": Experiment(program.name, "replay", schedule.PREFIX)}
        for question in QUESTIONS[1:]:
            try:
                if question in fields:
                    plan = str(schedule.parse(fields[question]))
                    experiments[question] = Experiment(program.name, "replay", plan)
            except schedule.ScheduleError as error:
                toml.problem(str(error), toml.line(question, start))
        yield Pattern(program, fields.get("demands", ""), experiments, code_lines(incident, program))


def code_lines(incident: Incident, program: Program) -> int:
    """Lines of code that somebody takes who takes this program: without imports, comments, and `main()`.

    A program of the same incident that it imports counts too; what they all share does not.
    """
    text = program.path.read_text("utf-8", "replace")
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return 0  # among the incident's problems already
    work = [node for node in tree.body if _is_work(node)]
    kept = {line for node in work for line in _lines(node)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            kept.difference_update(_lines(node.body[0]))
    source = text.splitlines()
    modules = {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    others = [other for name in modules if (other := incident.program(name)) is not None]
    own = sum(1 for line in kept if source[line - 1].partition("#")[0].strip())
    return own + sum(code_lines(incident, other) for other in others)


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _is_work(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.If, ast.Expr)):  # the last: what the module says of itself
        return False
    return not (isinstance(node, (ast.AsyncFunctionDef, ast.FunctionDef)) and node.name == "main")
