"""What stands above a run's page."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

from dashboard.presenters import words
from dashboard.presenters.words import Mark
from dashboard.store.records import RunRecord


@dataclass(frozen=True)
class Head:
    """What stands above: which run this is, and how it is."""

    id: int
    incident: str
    incident_title: str
    program: str
    stack: str
    mode: str
    actor: str
    status: Mark
    expected: bool | None
    got_away: bool  # it went well, and its program is declared to fail under the shipped schedule
    versions: tuple[tuple[str, str], ...]
    instrumentation: tuple[str, ...]
    seed: int | None
    title: str
    parent: int | None
    branch: int | None  # the parent's step at which this run went another way
    mends: str  # of a fix: what it does, its title
    probes: str = ""  # of a probe: likewise

    @property
    def meant(self) -> bool:
        """Of a fix that is not known to have failed: what it meets is no failure."""
        return bool(self.mends) and self.expected is not False

    @property
    def as_it_should(self) -> bool:
        """A fix may end with an error, too: the one that says what is wrong, where the broken program hid it."""
        return bool(self.mends and self.expected)


def head_of(run: RunRecord, incident_title: str, *, drives: bool, fails: bool, mends: str, probes: str = "") -> Head:
    status = words.of_run(run.status, run.outcome)
    versions = run.header.versions if run.header else {}
    return Head(
        id=run.id,
        incident=run.incident,
        incident_title=incident_title,
        program=run.program,
        stack=run.stack,
        mode=run.mode,
        actor=run.actor,
        status=status if drives or run.status != "waiting" else replace(status, word="waits for a driver"),
        expected=run.expected,
        got_away=fails and run.expected is None and run.outcome == "ok",
        versions=tuple((name, versions[name]) for name in sorted(versions, key=_place)),
        instrumentation=run.header.instrumentation if run.header else (),
        seed=run.header.seed if run.header else run.seed,
        title=run.title,
        parent=run.parent,
        branch=run.branch,
        mends=mends,
        probes=probes,
    )


def _place(name: str) -> tuple[int, str]:
    order = ("python", "sqlalchemy", "asyncpg", "fastapi", "postgresql")
    return (order.index(name) if name in order else len(order), name)
