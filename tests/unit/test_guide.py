"""Finding an incident by what was seen of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard import incidents
from dashboard.guide import first_known
from dashboard.guide import look_up

ROOT = Path(__file__).parents[2]
SCENARIOS = incidents.load([ROOT / "scenarios"]).incidents

TRACEBACK = """\
InvalidRequestError: This session is provisioning a new connection; concurrent operations are not permitted

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "app.py", line 12, in save
    await session.rollback()
sqlalchemy.exc.IllegalStateChangeError: Method 'rollback()' can't be called here; method '_connection_for_bind()' is
already in progress and this would cause an unexpected state change to <SessionTransactionState.CLOSED: 5>
"""


def names(text: str) -> list[str]:
    return [incident.name for incident in look_up(text, SCENARIOS).incidents]


def test_without_a_text_everything_is_there() -> None:
    assert names("") == [incident.name for incident in SCENARIOS]
    assert look_up("", SCENARIOS).known is None


def test_of_a_pasted_chain_of_errors_the_first_is_looked_up() -> None:
    known = first_known(TRACEBACK)
    assert known is not None
    assert any(pattern.search(TRACEBACK.splitlines()[0]) for pattern in known.patterns)
    assert names(TRACEBACK)[0] == "shared_session"


@pytest.mark.parametrize("incident", SCENARIOS, ids=lambda incident: incident.name)
def test_an_incident_is_found_by_its_own_symptom(incident: incidents.Incident) -> None:
    # Several may show one symptom: what people pay attention to is the top of the list.
    assert incident.name in names(incident.symptom)[:4]


def test_words_need_not_stand_together_or_in_case() -> None:
    assert set(names("BALANCE deposit")) == {"lost_update", "stale_read"}
    assert names("no such thing anywhere") == []


def test_every_incident_of_ours_has_a_family() -> None:
    assert [incident.name for incident in SCENARIOS if not incident.family] == []


def test_the_readme_counts_the_incidents() -> None:
    said = re.search(r"field guide below: (\d+) incidents", (ROOT / "README.md").read_text("utf-8"))
    assert said
    assert int(said[1]) == len(SCENARIOS)
