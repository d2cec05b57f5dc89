"""The table in scenarios/README.md: which family is shown by which folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PROMISED = {
    "A": (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12),
    "B": (1, 2, 3, 4, 6),
    "C": (1, 2, 5),
    "D": (1, 2, 4, 7),
    "E": (1, 3),
    "F": (2, 3),
    "G": (1, 2, 5),
    "H": (1, 3, 4, 5, 6),
    "I": (1, 2, 3, 4),
    "J": (1,),
}
ROW = re.compile(r"^\| ([A-J]\d.*?) \| (.*) \|$", re.MULTILINE)
FAMILIES = re.compile(r"([A-J])(\d+)b?(?: – \1(\d+))?")


def shown() -> Iterator[tuple[str, list[str]]]:
    """Each letter with the folders of its row."""
    for families, folders in ROW.findall((SCENARIOS / "README.md").read_text()):
        for letter, first, last in FAMILIES.findall(families):
            for number in range(int(first), int(last or first) + 1):
                yield f"{letter}{number}", re.findall(r"`(\w+)[/`]", folders)


def test_every_promised_family_is_shown() -> None:
    promised = {f"{letter}{number}" for letter, numbers in PROMISED.items() for number in numbers}
    assert promised <= {family for family, _ in shown()}


def test_the_table_names_the_folders_that_there_are() -> None:
    rows = dict(shown())
    assert all(rows.values()), rows
    named = {folder for folders in rows.values() for folder in folders if not folder.startswith("broken_")}
    assert named | {"parallel_transaction"} == {toml.parent.name for toml in SCENARIOS.glob("[!_]*/incident.toml")}
