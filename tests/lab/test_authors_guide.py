"""The example of the author's guide, made by its command and run."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from dashboard.catalogue import incidents
from dashboard.catalogue.folders import incident_dirs
from dashboard.catalogue.verdict import verdict
from dashboard.cli.new import new
from dashboard.config import Settings
from dashboard.servers.lab import drop_schema
from interlock.frame import End
from interlock.job import Job
from interlock.supervisor import Runner

GUIDE = Path(__file__).parents[2] / "docs" / "authors-guide.md"
FILE = re.compile(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def incident(tmp_path: Path) -> incidents.Incident:
    new(Settings(tmp_path), "lost_deposit", None)
    catalogue = incidents.load(incident_dirs(Settings(tmp_path)))
    assert catalogue.problems == ()
    return catalogue.incidents[0]


def test_the_guide_shows_its_files_as_they_are(incident: incidents.Incident) -> None:
    shown = FILE.findall(GUIDE.read_text())
    assert [name for name, _ in shown] == ["incident.toml", "broken.py", "invariants.sql"]
    for name, text in shown:
        assert (incident.folder / name).read_text() == text


@pytest.mark.parametrize("name", ["broken", "locked"])
def test_the_example_ends_as_it_declares(name: str, incident: incidents.Incident, lab_url: str) -> None:
    program = incident.program(name)
    assert program is not None
    schema = f"cli_guide_{name}"
    job = Job(str(program.path), lab_url, schema, setup=incident.setup, invariants=incident.invariants)

    async def play() -> End:
        runner = await Runner.start(sys.executable)
        try:
            *_, end = [message async for message in runner.play(job)]
        finally:
            await runner.close()
        assert isinstance(end, End)
        return end

    end = asyncio.run(play())
    drop_schema(lab_url, schema)
    assert verdict(program, "sqlalchemy-2.1", end) is True, end
