"""The promise that everything rests on: a schedule replayed is the same run. `make prove` does it a thousand times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import incidents
from tests.prove import prove

RUNS = 30
incident = incidents.load([Path(__file__).parents[2] / "scenarios"]).incident("shared_session")


@pytest.mark.parametrize("stack", ["sqlalchemy-1.4.42", "sqlalchemy-2.0", "sqlalchemy-2.1"])
def test_thirty_replays_in_fresh_interpreters_are_identical(
    stack: str, lab_url: str, stack_python: Callable[[str], str]
) -> None:
    assert incident is not None
    proof = asyncio.run(prove(stack_python(stack), lab_url, incident, "broken", stack, RUNS))
    assert proof.holds, proof.difference
    assert proof.digests.total() == RUNS
