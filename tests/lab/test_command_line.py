"""The command as scripts and CI call it: exit status, the one JSON object, and what it says of what cannot be run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.config import resource

INTERLOCK = Path(sys.executable).with_name("interlock")
Command = Callable[..., "subprocess.CompletedProcess[str]"]

FAILS = """\
import asyncio


async def main():
    raise ValueError("out of stock")


asyncio.run(main())
"""


@pytest.fixture
def interlock(lab_url: str, tmp_path: Path) -> Command:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
    environment |= {"INTERLOCK_LAB_URL": lab_url, "INTERLOCK_DATA_DIR": str(tmp_path)}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [INTERLOCK, *arguments], env=environment, capture_output=True, text=True, timeout=100, check=False
        )

    return call


def test_a_run_is_told_in_one_object(interlock: Command) -> None:
    done = interlock("run", "shared_session/sequential", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    wanted = "scenario program stack versions schedule steps tasks invariants outcome signature duration_s"
    assert set(wanted.split()) <= set(told)
    assert (told["scenario"], told["program"], told["stack"]) == ("shared_session", "sequential", "sqlalchemy-2.1")
    assert {"python", "sqlalchemy", "asyncpg", "postgresql"} <= set(told["versions"])
    assert told["outcome"] == "ok"
    assert all(rule["holds"] for rule in told["invariants"])
    assert {task["outcome"] for task in told["tasks"]} == {"value"}


def test_a_script_that_fails_is_a_failure_and_its_error_is_told(interlock: Command, tmp_path: Path) -> None:
    script = tmp_path / "shop.py"
    script.write_text(FAILS)
    done = interlock("run", str(script), "--json")
    assert done.returncode == 1
    (task,) = json.loads(done.stdout)["tasks"]
    assert (task["outcome"], task["error"]) == ("error", {"type": "ValueError", "message": "out of stock"})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "no_such_incident"], "no_such_incident"),
        (["run", "shared_session/none"], "session_per_task"),
        (["run", "shared_session", "--stack", "sqlalchemy-0.1"], "sqlalchemy-2.1"),
        (["run", "shared_session", "--schedule", "il1:7=q3"], "q3"),
        (["run", "shared_session", "--seed", "1", "--natural"], "choose one"),
        (["explore", "no_such_incident"], "no_such_incident"),
    ],
)
def test_what_cannot_be_run_is_told_with_what_there_is(interlock: Command, arguments: list[str], says: str) -> None:
    done = interlock(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_incident_is_found_by_its_folder_too(interlock: Command, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(resource("scenarios") / "lost_update", mine)
    for asked in (f"{mine}/", f"{mine}/broken"):
        done = interlock("run", asked)
        assert done.returncode == 0, done.stderr
        assert f"Again: interlock run {mine}/broken --stack" in done.stdout


def test_the_stacks_are_told(interlock: Command) -> None:
    done = interlock("stacks", "--json")
    assert done.returncode == 0
    ready = {stack["name"]: stack["installed"] for stack in json.loads(done.stdout)}
    assert ready["sqlalchemy-2.1"]
    assert not ready["sqlalchemy-1.4.42"]
    unknown = interlock("stacks", "install", "sqlalchemy-0.1")
    assert unknown.returncode == 1
    assert "sqlalchemy-2.1" in unknown.stderr
