"""Files that people write by hand, read with their mistakes: each becomes a problem with its file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Problem:
    """Something in a file or folder that is not as it should be, and where."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Key:
    """What may stand under a key."""

    type: type
    required: bool = False
    words: tuple[str, ...] = ()  # the only values it can have, if they are few


_TYPES: dict[type, str] = {
    str: "a text in quotes",
    list: "a list",
    dict: "a table",
    bool: "true or false",
    int: "a whole number",
}


class Toml:
    """A TOML file while it is read.

    Parsed TOML knows no lines any more, so they are looked up in the text.
    """

    def __init__(self, path: Path, problems: list[Problem], purpose: str = "") -> None:
        self.path, self.problems = path, problems
        text = read_text(path, problems, purpose)
        self.lines = text.splitlines()
        self.readable = bool(text)
        self.root: dict[str, Any] = {}
        try:
            self.root = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"at line (\d+)", str(error))
            self.problem(f"This is not TOML: {error}.", int(at[1]) if at else max(len(self.lines), 1))
            self.readable = False

    def problem(self, message: str, line: int) -> None:
        self.problems.append(Problem(self.path, line, message))

    def line(self, text: str, start: int = 1) -> int:
        """The first line from `start` on with this text outside of a comment, else `start` itself."""
        numbered = enumerate(self.lines[start - 1 :], start)
        return next((number for number, line in numbered if text in line.partition("#")[0]), start)

    def fields(self, table: dict[str, Any], keys: Mapping[str, Key], what: str, start: int = 1) -> dict[str, Any]:
        """Those entries of a table that are as they should be. Each other one becomes a problem."""
        good = {}
        for name, value in table.items():
            key = keys.get(name)
            if key is None:
                mistake = f"{what.capitalize()} has no key {name!r}. It has: {', '.join(keys)}."
            elif not isinstance(value, key.type):
                mistake = f"{name!r} must be {_TYPES[key.type]}."
            elif key.words and value not in key.words:
                mistake = f"{name!r} cannot be {value!r}. It is one of: {', '.join(key.words)}."
            else:
                good[name] = value
                continue
            self.problem(mistake, self.line(name, start))
        for name, key in keys.items():
            if key.required and name not in table and self.readable:
                self.problem(f"{what.capitalize()} must have a key {name!r}, {_TYPES[key.type]}.", start)
        return good


def read_text(path: Path, problems: list[Problem], purpose: str = "") -> str:
    """A file's text; what keeps it from being read becomes a problem, with the purpose that the file has."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.append(Problem(path, 1, f"There is no {path.name}. {purpose}".rstrip()))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.append(Problem(path, line, "This is not UTF-8 text. Save the file in that encoding."))
    except OSError as error:
        problems.append(Problem(path, 1, f"{path.name} cannot be read: {error.strerror}."))
    return ""
