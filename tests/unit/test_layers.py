"""Who may import whom. The tree shows it, `dashboard/README.md` tells it, and this holds it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASE = {"config", "errors", "keys", "person", "processes", "redaction", "shared", "sqlfiles"}
"""Modules of the dashboard that any package may import; those of the application are for pages and commands."""
LAYERS = (
    *("findings", "migrations", "store", "servers", "catalogue", "runs", "work"),
    *("presenters", "views", "gallery", "cli"),
)
"""Its packages; each may import those before it."""


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What is imported: modules, and names out of one as `module.name`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_what_stands_before_it(package: str) -> None:
    for file in (ROOT / "dashboard" / package).rglob("*.py"):
        for name in imported(ast.walk(tree(file))):
            top, _, rest = name.partition(".")
            other, where = rest.partition(".")[0], f"{file.relative_to(ROOT)} imports {name}"
            if top != "dashboard" or other in BASE:
                continue
            if other in LAYERS:
                assert LAYERS.index(other) <= LAYERS.index(package), where
            else:
                assert package in ("views", "gallery", "cli"), where


def test_every_package_has_its_place() -> None:
    assert {file.parent.name for file in (ROOT / "dashboard").glob("*/__init__.py")} == set(LAYERS)


def test_the_engine_needs_nothing_but_the_standard_library() -> None:
    """It imports SQLAlchemy and others only inside of functions, for a program that has imported them."""
    for file in (ROOT / "interlock").rglob("*.py"):
        for name in imported(tree(file).body):
            assert name.split(".")[0] in {"interlock", *sys.stdlib_module_names}, f"{file.name} imports {name}"
        assert not any(name.startswith("dashboard") for name in imported(ast.walk(tree(file)))), file.name
