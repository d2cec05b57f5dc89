"""The program's own text: its script and those files beside it that it imports, directly or through each other."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

MAX_FILES = 60
MAX_BYTES = 200_000


def read_sources(program: str) -> dict[str, str]:
    """Name relative to the script's folder -> text, the script first. Bounded in number and size of files.

    Imports are looked up as they are written; a file imported under a name made at run time is not found.
    """
    folder = os.path.dirname(program)
    found: dict[str, str] = {}
    waiting = [os.path.basename(program)]
    while waiting and len(found) < MAX_FILES:
        name = waiting.pop(0)
        path = os.path.join(folder, name)
        if name in found or not os.path.isfile(path) or os.path.getsize(path) > MAX_BYTES:
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            found[name] = file.read()
        waiting += _candidates(found[name], os.path.dirname(name))
    return found


def _candidates(text: str, package: str) -> Iterator[str]:
    """Files that the imports of a text may mean, if they are there."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return  # it will not run either, and the run says why
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(os.sep)[: len(package.split(os.sep)) - node.level + 1] if node.level else []
            start = ".".join([*filter(None, base), *([node.module] if node.module else [])])
            modules = [start, *(f"{start}.{alias.name}".lstrip(".") for alias in node.names)]
        else:
            continue
        for module in filter(None, modules):
            path = module.replace(".", os.sep)
            yield f"{path}.py"
            yield os.path.join(path, "__init__.py")
