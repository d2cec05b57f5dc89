"""The worker with everything real: the store, the lab, the engine, and what can happen to each of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from dashboard.config import Settings
from dashboard.config import resource
from dashboard.gallery.sample import END
from dashboard.gallery.sample import HEADER
from dashboard.store import HistoryFilter
from dashboard.store import Retention
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import migrate
from dashboard.work import jobs
from dashboard.work import worker
from dashboard.work.worker import WorkerThread
from tests.databases import fresh_database
from tests.lab.conftest import until

INCIDENT = """
title = "Programs for tests"
[[program]]
name = "asks"
title = "Asks the server five times"
kind = "probe"
[program.stacks."sqlalchemy-2.1"]
outcome = "ok"
[[program]]
name = "spins"
title = "Stops the event loop"
kind = "probe"
[[program]]
name = "wrong"
title = "Is no Python"
kind = "probe"
"""
ASKS = """
import asyncio, asyncpg

async def main():
    connection = await asyncpg.connect("postgresql://nowhere/app")
    for number in range(5):
        await connection.fetchval("select 1")
    await connection.close()

asyncio.run(main())
"""
SPINS = """
import asyncio, asyncpg

async def main():
    connection = await asyncpg.connect("postgresql://nowhere/app")
    await connection.fetchval("select 1")
    while True:
        pass

asyncio.run(main())
"""
STORY = "These are no incident."


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("scenarios")
    folder = base / "for_tests"
    folder.mkdir()
    (folder / "incident.toml").write_text(INCIDENT)
    (folder / "story.md").write_text(STORY)
    (folder / "asks.py").write_text(ASKS)
    (folder / "spins.py").write_text(SPINS)
    (folder / "wrong.py").write_text("async def main(:\n")
    return base


@pytest.fixture
def given(settings: Settings, store_url: str, scenarios: Path, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a store of the test's own and no stack but the dashboard's."""
    with fresh_database(store_url) as url:
        migrate(url)
        dirs = (resource("scenarios"), scenarios)
        yield replace(settings, store_url=url, data_dir=tmp_path, scenario_dirs=dirs)


def begin(store: Store, program: str = "asks", mode: str = "step", stack: str = "sqlalchemy-2.1", **how: str) -> int:
    run_id = store.create_run("for_tests", program, stack, mode, **how)
    jobs.enqueue_run(store, run_id)
    return run_id


def run_when(store: Store, run_id: int, enough: Callable[[RunRecord], bool], seconds: float = 30.0) -> RunRecord:
    deadline = time.monotonic() + seconds
    while True:
        run = store.run(run_id)
        assert run
        if enough(run):
            return run
        assert time.monotonic() < deadline, f"the run stands at {run}"
        store.wait(run_id, run.rev, 1)


def waiting(run: RunRecord) -> bool:
    return run.status == "waiting"


def over(run: RunRecord) -> bool:
    return run.over


def schemas(lab_url: str) -> list[str]:
    with psycopg.connect(lab_url) as lab:
        return [name for (name,) in lab.execute("select nspname from pg_namespace where nspname like 'run%'")]


def advance(store: Store, run_id: int) -> None:
    run = run_when(store, run_id, waiting)
    answer = store.settled(store.command(run_id, "advance", {"at": run.steps}), 10)
    assert (answer.done is not None, answer.error) == (True, None)


def test_a_run_is_stepped_to_its_end(thread: WorkerThread, store: Store, lab_url: str) -> None:
    run_id = begin(store)
    seen = 0
    while not (run := run_when(store, run_id, lambda run: waiting(run) or run.over)).over:
        advance(store, run_id)
        seen += 1
    assert (run.status, run.outcome, run.expected, run.steps) == ("ended", "ok", True, seen)
    assert run.header is not None
    assert run.header.versions["asyncpg"] == "0.32.0"
    until(lambda: f"run_{run_id}" not in schemas(lab_url))


@pytest.mark.parametrize("mode", ["replay", "random", "natural"])
def test_a_run_goes_by_itself(thread: WorkerThread, store: Store, mode: str) -> None:
    run = run_when(store, begin(store, mode=mode), over)
    assert (run.outcome, run.expected) == ("ok", True)
    assert len(store.captions(run.id)) == run.steps + 1


def test_what_cannot_be_begun_ends_at_once_and_says_why(thread: WorkerThread, store: Store) -> None:
    stack = run_when(store, begin(store, stack="sqlalchemy-1.4.42"), over)
    assert (stack.outcome, "`interlock stacks install sqlalchemy-1.4.42`" in (stack.summary or "")) == ("invalid", True)
    program = run_when(store, begin(store, program="nameless"), over)
    assert (program.outcome, "it has: asks, spins, wrong" in (program.summary or "")) == ("invalid", True)
    schedule = run_when(store, begin(store, schedule="il1:x"), over)
    assert (schedule.outcome, "is not step=choice" in (schedule.summary or "")) == ("invalid", True)
    syntax = run_when(store, begin(store, program="wrong"), over)
    assert syntax.end is not None
    assert syntax.end.place is not None
    assert (syntax.outcome, syntax.end.place.file, syntax.end.place.line) == ("invalid", "wrong.py", 1)


def test_a_lab_that_is_down_is_said_to_be_down(given: Settings, store: Store) -> None:
    thread = worker.start_in_thread(replace(given, lab_url="postgresql://ann:hunter2@127.0.0.1:1/lab"))
    run = run_when(store, begin(store), over)
    assert thread.stop()
    assert run.end is not None
    told = (run.summary or "") + run.end.detail
    assert (run.outcome, "lab" in told, "hunter2" in told) == ("invalid", True, False)


def test_a_program_that_stops_its_loop_can_be_stopped(thread: WorkerThread, store: Store) -> None:
    run_id = begin(store, program="spins")
    run_when(store, run_id, waiting)
    store.settled(store.command(run_id, "finish"), 5)
    until(lambda: (run := store.run(run_id)) is not None and run.status == "running")
    time.sleep(0.5)
    began = time.monotonic()
    store.settled(store.command(run_id, "stop"), 10)
    assert run_when(store, run_id, over).outcome in ("stopped", "hang")
    assert time.monotonic() - began < 5


@pytest.fixture
def strangers() -> set[psutil.Process]:
    """The children that are there before a worker is: the servers, and other tests' runners."""
    return set(psutil.Process().children())


def test_a_runner_killed_in_mid_run_is_a_crash_with_its_steps_kept(
    strangers: set[psutil.Process], thread: WorkerThread, store: Store, lab_url: str
) -> None:
    run_id = begin(store)
    advance(store, run_id)
    before = run_when(store, run_id, waiting)
    for child in set(psutil.Process().children()) - strangers:
        if "interlock" in " ".join(child.cmdline()) and "postgres" not in child.name():
            for one in [*child.children(recursive=True), child]:
                one.kill()
    run = run_when(store, run_id, over)
    assert (run.status, run.outcome, run.steps) == ("ended", "crash", before.steps)
    assert len(store.captions(run_id)) == before.steps + 1
    assert run_when(store, begin(store, mode="replay"), over).outcome == "ok", "the next run has a new runner"
    until(lambda: f"run_{run_id}" not in schemas(lab_url))


def test_a_worker_that_stops_leaves_its_runs_interrupted_and_no_child(
    given: Settings, store: Store, lab_url: str
) -> None:
    thread = worker.start_in_thread(given)
    run_id = begin(store)
    advance(store, run_id)
    began = time.monotonic()
    assert thread.stop()
    assert time.monotonic() - began < 3
    run = run_when(store, run_id, over, seconds=0)
    assert (run.status, run.outcome, run.summary) == ("interrupted", "interrupted", run.summary)
    assert worker.WORKER_STOPPED in (run.summary or "") + (run.end.detail if run.end else "")
    assert f"run_{run_id}" not in schemas(lab_url)


def test_a_worker_that_stops_while_it_asks_the_store_leaves_no_connection(given: Settings, store_url: str) -> None:
    assert given.store_url
    with psycopg.connect(store_url, autocommit=True) as server, psycopg.connect(given.store_url) as holder:

        def asking() -> list[int]:
            rows = server.execute(
                "select pid from pg_locks where not granted and database = (select oid from pg_database"
                " where datname = %s)",
                [holder.info.dbname],
            )
            return [pid for (pid,) in rows]

        holder.execute("lock table run in access exclusive mode")
        thread = worker.start_in_thread(given)
        until(asking)
        (pid,) = asking()
        assert not thread.stop(timeout=worker.FAREWELL), "a question to the store does not end by being left"
        holder.rollback()
        assert thread.stop()
        until(lambda: not server.execute("select from pg_stat_activity where pid = %s", [pid]).fetchall(), seconds=5)


def test_a_killed_worker_s_runs_are_taken_over(given: Settings, store: Store, lab_url: str) -> None:
    code = "from dashboard import config; from dashboard.work import worker; worker.run(config.Settings.from_env())"
    environment = {**os.environ, **given.to_env(), "PYTHONPATH": str(resource("scenarios").parent)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as victim:
        run_id = begin(store)
        advance(store, run_id)
        before = run_when(store, run_id, waiting)
        children = psutil.Process(victim.pid).children(recursive=True)
        victim.send_signal(signal.SIGKILL)
    until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), seconds=5)
    thread = worker.start_in_thread(given)
    run = run_when(store, run_id, over)
    assert (run.status, run.outcome, run.steps) == ("interrupted", "interrupted", before.steps)
    assert run.end is not None
    assert run.end.schedule == "il1:"
    until(lambda: f"run_{run_id}" not in schemas(lab_url))
    assert thread.stop()


def test_a_stand_alone_worker_ends_when_told_to(given: Settings, store: Store) -> None:
    code = "from dashboard import config; from dashboard.work import worker; worker.run(config.Settings.from_env())"
    environment = {**os.environ, **given.to_env(), "PYTHONPATH": str(resource("scenarios").parent)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as process:
        assert run_when(store, begin(store, mode="replay"), over).outcome == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_a_run_outlives_a_short_loss_of_the_store(
    given: Settings, thread: WorkerThread, store: Store, store_url: str
) -> None:
    run_id = begin(store)
    advance(store, run_id)
    before = run_when(store, run_id, waiting)
    assert given.store_url
    name = sql.Identifier(given.store_url.partition("?")[0].rpartition("/")[2])
    with psycopg.connect(store_url, autocommit=True) as server:
        server.execute(sql.SQL("alter database {} with allow_connections false").format(name))
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name._obj[0]])
        until(lambda: not thread.healthy)
        server.execute(sql.SQL("alter database {} with allow_connections true").format(name))
    until(lambda: thread.healthy)
    after = run_when(store, run_id, waiting)
    assert after.steps == before.steps
    advance(store, run_id)
    store.settled(store.command(run_id, "stop"), 5)
    assert run_when(store, run_id, over).outcome == "stopped"


def test_an_installation_that_fails_says_why(thread: WorkerThread, store: Store) -> None:
    jobs.enqueue_install(store, "sqlalchemy-0.9")
    until(lambda: (stack := store.stack("sqlalchemy-0.9")) is not None and stack.state == "failed")
    stack = store.stack("sqlalchemy-0.9")
    assert stack is not None
    assert "There is no stack 'sqlalchemy-0.9'" in (stack.error or "")


def test_many_runs_at_once_all_end(thread: WorkerThread, store: Store) -> None:
    ids = [begin(store, mode="random") for _ in range(10)]
    assert {run_when(store, run_id, over).outcome for run_id in ids} == {"ok"}


def test_runs_that_use_the_replica_take_turns_and_say_so(given: Settings, store: Store, replica_url: str) -> None:
    thread = worker.start_in_thread(replace(given, replica_url=replica_url))
    until(lambda: thread.healthy)

    def start(mode: str) -> int:
        run_id = store.create_run("stale_read", "broken", "sqlalchemy-2.1", mode)
        jobs.enqueue_run(store, run_id)
        return run_id

    first = start("step")
    run_when(store, first, waiting)
    second = start("replay")
    waits = run_when(store, second, lambda run: run.summary is not None)
    assert (waits.status, waits.summary) == (
        "starting",
        "another run uses the replica, and this one waits until it is over",
    )
    store.settled(store.command(first, "stop"), 10)
    run = run_when(store, second, over)
    assert (run.outcome, run.expected) == ("silent", True)
    until(lambda: not store.littered_runs())
    assert thread.stop()
    with psycopg.connect(replica_url) as replica:
        assert replica.execute("select pg_is_wal_replay_paused()").fetchone() == (False,)


def test_a_worker_deletes_at_its_start_what_is_kept_no_longer(given: Settings, store: Store, lab_url: str) -> None:
    old, new = (store.import_run("x", "y", "z", title="", header=HEADER, steps=(), end=END) for _ in range(2))
    store.set_retention(Retention(runs=1), "ann", "the newest one")
    thread = worker.start_in_thread(given)
    try:
        until(lambda: store.run(old) is None)
    finally:
        assert thread.stop()
    assert store.run(new) is not None
    deed = store.history(HistoryFilter(action="delete"))[0][0]
    assert (deed.actor, deed.object, deed.text) == ("worker", f"run:{old}", "retention")
