"""Explorations by a worker with everything real: what is found is so, and what cuts one short."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from dashboard.catalogue import incidents
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.findings.tally import shared
from dashboard.servers import lab
from dashboard.store import ExplorationRow
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import migrate
from dashboard.work import jobs
from dashboard.work import worker
from dashboard.work.plan import plan
from dashboard.work.worker import WorkerThread
from interlock import schedule
from tests.databases import fresh_database
from tests.lab.conftest import Warm
from tests.lab.conftest import until

OLD, NEW = "sqlalchemy-1.4.42", "sqlalchemy-2.1"


@pytest.fixture
def given(settings: Settings, store_url: str) -> Iterator[Settings]:
    """Settings with a store of the test's own."""
    with fresh_database(store_url) as url:
        migrate(url)
        yield replace(settings, store_url=url)


def played(store: Store, program: str, stack: str, schedule: str, incident: str = "shared_session") -> RunRecord:
    run_id = store.create_run(incident, program, stack, "replay", schedule)
    jobs.enqueue_run(store, run_id)
    return over(store, run_id)


def over(store: Store, run_id: int) -> RunRecord:
    deadline = time.monotonic() + 60
    while True:
        run = store.run(run_id)
        assert run
        if run.over:
            return run
        assert time.monotonic() < deadline, f"the run stands at {run.status}"
        store.wait(run_id, run.rev, 1)


def explored(store: Store, exploration_id: int, enough: Callable[[ExplorationRow], bool]) -> ExplorationRow:
    deadline = time.monotonic() + 120
    while True:
        row = store.exploration(exploration_id)
        assert row
        if enough(row):
            return row
        assert time.monotonic() < deadline, f"it stands at {row}"
        store.wait_exploration(exploration_id, row.rev, 1)


def begin(
    store: Store,
    run: RunRecord | None = None,
    program: str = "broken",
    stack: str = NEW,
    orders: int = 40,
    seconds: int = 90,
) -> int:
    if run is None:
        made = store.create_exploration("shared_session", program, stack, orders, seconds)
    else:
        made = store.create_exploration(run.incident, run.program, run.stack, orders, seconds, run_id=run.id)
    jobs.enqueue_exploration(store, made)
    return made


def done(row: ExplorationRow) -> bool:
    return row.over


def schemas(lab_url: str) -> list[str]:
    with psycopg.connect(lab_url) as lab:
        return [name for (name,) in lab.execute("select nspname from pg_namespace where nspname like 'exploration%'")]


def declared(incident: str, program: str, stack: str) -> str:
    found = incidents.load([resource("scenarios")]).incident(incident)
    assert found
    one = found.program(program)
    assert one
    return one.expectations[stack].schedule


def test_the_step_is_found_and_the_way_out_before_it_is_real(
    thread: WorkerThread, store: Store, given: Settings, lab_url: str, warm: Warm
) -> None:
    run = played(store, "broken", NEW, declared("lost_update", "broken", NEW), "lost_update")
    assert run.outcome == "silent"
    row = explored(store, begin(store, run), done)
    assert (row.status, row.error) == ("ended", None)
    found = row.found
    assert found
    assert found.settled
    assert (found.last_out, found.void) == (found.step - 1, 0)
    assert found.failed >= 40
    assert 0 < found.away < found.drawn

    assert [way.after for way in found.ways_out] == [found.last_out]
    assert row.way_out
    out = over(store, row.way_out)
    assert (out.outcome, out.parent, out.branch) == ("ok", run.id, found.last_out)
    assert out.end
    assert run.end
    mine, theirs = (schedule.parse(end.schedule).deviations for end in (run.end, out.end))
    assert shared(mine, theirs) == found.last_out
    assert [one.token for one in store.captions(run.id)][: found.step] == [one.token for one in store.captions(out.id)][
        : found.step
    ], "the same choices up to the last step with a way out"

    job = plan(given, run).job
    onward = replace(job, mode="random", follow=found.step, schema="test_exploring")
    ends = warm.explore(sys.executable, onward, range(900, 912))
    lab.drop_schema(lab_url, "test_exploring")
    assert {end.outcome for _, end in ends} == {"silent"}, "seeds that the search did not use"
    until(lambda: not schemas(lab_url))


def test_the_same_search_finds_the_same(thread: WorkerThread, store: Store, stack_python: Callable[[str], str]) -> None:
    stack_python(OLD)
    run = played(store, "broken", OLD, declared("shared_session", "broken", OLD))
    assert run.outcome == "error"
    one, other = (explored(store, begin(store, run, orders=16), done) for _ in range(2))
    assert one.found
    assert one.found.settled
    assert one.found.step <= (run.failed_at or 0)
    assert one.found == other.found


def test_all_ends_of_a_program_are_counted(thread: WorkerThread, store: Store, lab_url: str) -> None:
    row = explored(store, begin(store, program="session_per_task", orders=12), done)
    assert (row.status, row.error) == ("ended", None)
    assert row.tally
    assert (row.tally.tried, row.tally.ended("ok"), row.tally.failed) == (12, 12, 0)
    until(lambda: not schemas(lab_url))


def test_it_is_cancelled_at_once_and_keeps_what_it_has(thread: WorkerThread, store: Store, lab_url: str) -> None:
    made = begin(store, program="session_per_task", orders=100_000)
    explored(store, made, lambda row: row.tally is not None and row.tally.tried > 0)
    store.cancel_exploration(made, "Ann")
    row = explored(store, made, done)
    assert row.status == "cancelled"
    assert row.tally
    assert 0 < row.tally.tried < 100_000
    until(lambda: not schemas(lab_url))


def test_its_time_is_a_bound(thread: WorkerThread, store: Store) -> None:
    row = explored(store, begin(store, program="session_per_task", orders=100_000, seconds=2), done)
    assert row.status == "ended"
    assert row.tally
    assert row.tally.tried < 100_000


def test_a_worker_that_stops_leaves_it_interrupted(given: Settings, store: Store, lab_url: str) -> None:
    thread = worker.start_in_thread(given)
    until(lambda: thread.healthy)
    made = begin(store, program="session_per_task", orders=100_000)
    explored(store, made, lambda row: row.tally is not None and row.tally.tried > 0)
    assert thread.stop()
    row = explored(store, made, done)
    assert row.status == "interrupted"
    assert row.tally


def test_what_was_recorded_of_another_program_is_not_searched(
    thread: WorkerThread, store: Store, given: Settings
) -> None:
    run = played(store, "broken", NEW, declared("lost_update", "broken", NEW), "lost_update")
    with store.transaction() as tx:
        tx.exec_driver_sql(
            "update run set header = jsonb_set(header::jsonb, '{sources,broken.py}', '\"other\"')::json where id = %s",
            (run.id,),
        )
    row = explored(store, begin(store, run), done)
    assert row.status == "failed"
    assert "broken.py changed since the run was recorded" in (row.error or "")
