"""The store, on a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from dashboard.findings.timeline import fold
from dashboard.gallery import crowd
from dashboard.gallery import sample
from dashboard.runs import overview
from dashboard.runs.timelines import Timelines
from dashboard.store import Caption
from dashboard.store import CommandRefused
from dashboard.store import RunFilter
from dashboard.store import RunGone
from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.store import UnknownRun
from dashboard.store import migrate
from dashboard.store.custody import TAKE_LOCK
from dashboard.work import jobs
from interlock.delta import EVERY
from interlock.frame import Choice
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Step
from interlock.frame import TaskView
from tests.databases import fresh_database

WORKER = 4711
NOBODY = 4712
END = End("ok", "0123abcd", "1 task returned", "il1:", 1)


@pytest.fixture(scope="module")
def database(store_url: str) -> Iterator[str]:
    with fresh_database(store_url) as url:
        migrate(url)
        yield url


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = Store(database)
    with store.transaction() as tx:
        tx.exec_driver_sql("truncate run, step, command, stack, procrastinate_jobs cascade")
    yield store
    store.close()


def a_run(store: Store, incident: str = "shared_session", program: str = "broken", mode: str = "step") -> int:
    return store.create_run(incident, program, "sqlalchemy-2.1", mode)


def claimed(store: Store, worker: int = WORKER) -> int:
    run_id = a_run(store)
    assert store.claim(run_id, worker)
    return run_id


def a_step(number: int, text: str = "", raised: bool = False, events: tuple[Event, ...] = ()) -> Step:
    task = TaskView("t1", "first", "error" if raised else "waiting", moved=True)
    choice = Choice("c1", "reply", "…", default=True) if number else None
    return Step(number, Frame(0.5, tasks=(task,)), choice, woke=("t1",), events=events, text=text)


def soon(act: Callable[[], object]) -> threading.Thread:
    """Have something done while the test waits."""
    thread = threading.Timer(0.1, act)
    thread.start()
    return thread


def test_migrating_again_changes_nothing_and_takes_no_time(store: Store, database: str) -> None:
    run_id = a_run(store)
    began = time.perf_counter()
    migrate(database)
    assert time.perf_counter() - began < 0.3
    assert store.run(run_id)


def test_two_processes_may_migrate_at_once(store_url: str) -> None:
    with fresh_database(store_url) as url:
        with ThreadPoolExecutor(3) as processes:
            assert list(processes.map(migrate, [url] * 3)) == [None] * 3


def test_the_queue_of_an_older_procrastinate_is_brought_up_to_date(store: Store, database: str) -> None:
    with store.transaction() as tx:
        tx.exec_driver_sql("comment on table procrastinate_jobs is '3.4.0'")
    migrate(database)
    with store.transaction() as tx:
        assert tx.exec_driver_sql("select obj_description('procrastinate_jobs'::regclass)").scalar() != "3.4.0"


def test_a_run_from_its_wish_to_its_end(store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "v", "random", "il1:3=t", 7, actor="ann", title="again")
    run = store.run(run_id)
    assert run is not None
    assert (run.status, run.steps, run.seed, run.actor, run.title, run.schedule) == (
        "queued",
        -1,
        7,
        "ann",
        "again",
        "il1:3=t",
    )
    header = Header(1, "broken.py", "random", "il1:3=t", 7, {"python": "3.11"}, ("a touch",), {"broken.py": "pass"})
    assert store.claim(run_id, WORKER)
    assert not store.claim(run_id, WORKER), "a run is claimed once"
    store.set_header(run_id, header)
    store.add_step(run_id, a_step(0), status="waiting")
    store.add_step(run_id, a_step(1, "the reply was delivered", raised=True))
    store.finish(run_id, END, True)
    run = store.run(run_id)
    assert run is not None
    assert run.over
    assert (run.header, run.end, run.expected, run.steps, run.failed_at) == (header, END, True, 1, 1)
    assert store.captions(run_id)[1] == Caption(1, "the reply was delivered", "c1", ("t1",), True)
    assert store.steps(run_id, 0, 99) == [a_step(0), a_step(1, "the reply was delivered", raised=True)]
    assert store.step(run_id, 2) is None


def test_every_change_makes_a_new_revision(store: Store) -> None:
    run_id = a_run(store)
    changes: list[Callable[[], object]] = [
        lambda: store.claim(run_id, WORKER),
        lambda: store.set_header(run_id, Header(1, "p", "step", "il1:", None, {}, ())),
        lambda: store.add_step(run_id, a_step(0)),
        lambda: store.set_status(run_id, "running", 2.0),
        lambda: store.finish(run_id, END),
    ]
    seen = [store.rev(run_id)]
    for change in changes:
        change()
        seen.append(store.rev(run_id))
    assert seen == sorted(set(seen))


def test_what_programs_print_is_kept_whatever_it_is(store: Store) -> None:
    nasty = "NUL \0, half a pair \ud83d, a literal \\u0000, 'quotes', 漢字"
    run_id = claimed(store)
    printed = Event("stdout", nasty)
    step = a_step(0, nasty, events=(printed, Event("sent", "BEGIN")))
    store.add_step(run_id, step)
    assert store.step(run_id, 0) == step
    assert store.output(run_id, 0) == [(0, printed)]
    assert "NUL ␀, half a pair ?" in store.captions(run_id)[0].text


def test_steps_are_read_from_anywhere_though_most_are_kept_as_what_changed(store: Store) -> None:
    run_id = claimed(store)
    told = [crowd.step(number) for number in range(2 * EVERY + 5)]
    store.add_steps(run_id, told[:30])
    store.add_steps(run_id, told[30:70], before=told[29].frame)
    store.add_steps(run_id, told[70:])  # by somebody who does not know what came before
    assert store.steps(run_id, 0, 999) == told
    for first, last in ((29, 31), (49, 50), (51, 51), (69, 70), (104, 200)):
        assert store.steps(run_id, first, last) == told[first : last + 1]
    with store.reading() as tx:
        sizes = dict(
            tx.exec_driver_sql("select number, length(body::text) from step where run_id = %s", (run_id,)).fetchall()
        )
    whole = {number for number, size in sizes.items() if size > max(sizes.values()) / 2}
    assert whole == {0, EVERY, 70, 2 * EVERY}


def test_a_run_kept_by_an_older_version_is_read(store: Store) -> None:
    """There every step is whole."""
    run_id = claimed(store)
    for step in sample.STEPS:
        store.add_step(run_id, step)
    assert store.steps(run_id, 1, 2) == list(sample.STEPS[1:])
    assert store.steps(run_id, 3, 9) == []


def test_the_whole_run_in_little_is_what_its_steps_say_and_grows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, timelines = claimed(store), Timelines()
    said = Event("stdout", '"kind": "orphan"', "t1")  # a program may print anything
    steps = [replace(sample.STEPS[0], events=(said,)), *sample.STEPS[1:]]
    store.add_steps(run_id, steps[:2])
    assert timelines.whole(store, run_id, 1) == overview.of(steps[:2])
    store.add_steps(run_id, steps[2:])
    assert timelines.whole(store, run_id, 2) == overview.of(steps)
    assert overview.of(steps).orphaned == (2,)
    monkeypatch.setattr(store, "captions", None)
    assert timelines.whole(store, run_id, 2) == overview.of(steps)


def test_a_timeline_is_read_once_and_grows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, timelines = claimed(store), Timelines()
    store.add_step(run_id, sample.STEPS[0])
    assert timelines.of(store, run_id, 0, 0) == fold(sample.STEPS[:1])
    for step in sample.STEPS[1:]:
        store.add_step(run_id, step)
    assert timelines.of(store, run_id, 0, 2) == fold(sample.STEPS)
    monkeypatch.setattr(store, "steps", None)
    assert timelines.of(store, run_id, 0, 2) == fold(sample.STEPS)


def test_adding_a_step_twice_is_adding_it_once(store: Store) -> None:
    run_id = claimed(store)
    store.add_steps(run_id, [a_step(0), a_step(1)])
    store.add_steps(run_id, [a_step(1), a_step(2)])
    assert [caption.number for caption in store.captions(run_id)] == [0, 1, 2]


def test_nothing_is_added_to_a_run_that_is_over(store: Store) -> None:
    run_id = claimed(store)
    store.finish(run_id, END)
    with pytest.raises(RunGone):
        store.add_step(run_id, a_step(0))
    with pytest.raises(RunGone):
        store.finish(run_id, END)
    assert store.captions(run_id) == []


def test_the_list_of_runs_is_filtered_and_paged(store: Store) -> None:
    ids = [a_run(store, incident=f"incident_{number % 2}") for number in range(5)]
    page = store.runs(RunFilter(incident="incident_0"), limit=2)
    assert ([row.id for row in page.rows], page.total) == ([ids[4], ids[2]], 3)
    last = store.runs(RunFilter(incident="incident_0"), before=page.next, limit=2)
    assert ([row.id for row in last.rows], last.next) == ([ids[0]], None)
    assert store.runs(RunFilter(outcome="hang")).rows == ()


def test_an_unknown_run_is_said_to_be_unknown(store: Store) -> None:
    assert store.run(10**9) is None
    assert store.run(10**30) is None
    assert store.step(1, 10**30) is None
    for ask in (lambda: store.rev(10**9), lambda: store.wait(10**9, 0, 1), lambda: store.command(10**9, "pause")):
        with pytest.raises(UnknownRun):
            ask()


def test_waiting_ends_as_soon_as_something_is_new(store: Store) -> None:
    run_id = claimed(store)
    rev = store.rev(run_id)
    writer = soon(lambda: store.add_step(run_id, a_step(0)))
    began = time.perf_counter()
    assert store.wait(run_id, rev, 10) > rev
    assert time.perf_counter() - began < 1
    assert store.step(run_id, 0) is not None, "a step is durable before it is announced"
    writer.join()


def test_waiting_ends_when_the_time_is_up(store: Store) -> None:
    run_id = claimed(store)
    rev = store.rev(run_id)
    assert store.wait(run_id, rev, 0.1) == rev
    assert store.wait(run_id, rev - 1, 10) == rev, "what is new already is not waited for"


def test_waiting_survives_the_loss_of_its_connection(store: Store) -> None:
    run_id = claimed(store)
    rev = store.rev(run_id)
    store.wait(run_id, rev, 0.2)
    with store.transaction() as tx:
        killed = tx.exec_driver_sql(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and application_name = 'interlock listener'"
        ).scalar()
    assert killed == 1
    writer = soon(lambda: store.add_step(run_id, a_step(0)))
    assert store.wait(run_id, rev, 10) > rev
    writer.join()


def test_a_command_is_answered(store: Store) -> None:
    run_id = claimed(store)
    command_id = store.command(run_id, "advance", {"token": "c1", "at": 0}, actor="ann")
    (command,) = store.open_commands(run_id)
    assert (command.id, command.kind, command.payload, command.done) == (
        command_id,
        "advance",
        {"token": "c1", "at": 0},
        None,
    )
    assert store.settled(command_id, 0.05).done is None
    worker = soon(lambda: store.settle(command_id, "Somebody was faster."))
    answer = store.settled(command_id, 10)
    assert (answer.done is not None, answer.error) == (True, "Somebody was faster.")
    assert store.open_commands(run_id) == []
    worker.join()


def test_a_step_answers_the_command_that_led_to_it(store: Store) -> None:
    run_id = claimed(store)
    command_id = store.command(run_id, "advance")
    store.add_step(run_id, a_step(0), done=[command_id])
    assert store.settled(command_id, 1).error is None


def test_commands_to_a_run_that_ends_are_refused(store: Store) -> None:
    run_id = claimed(store)
    obeyed, late = store.command(run_id, "advance"), store.command(run_id, "pause")
    store.finish(run_id, END, done=[obeyed])
    assert store.settled(obeyed, 1).error is None
    assert store.settled(late, 1).error == "The run is over."
    with pytest.raises(CommandRefused, match="The run is over"):
        store.command(run_id, "pause")
    with pytest.raises(ValueError, match="'dance' is no command"):
        store.command(run_id, "dance")


def test_a_run_can_be_taken_back_before_it_begins(store: Store) -> None:
    run_id = a_run(store)
    assert store.settled(store.command(run_id, "stop"), 1).error is None
    run = store.run(run_id)
    assert run is not None
    assert (run.status, run.outcome) == ("ended", "stopped")
    assert not store.claim(run_id, WORKER)


def test_runs_and_stacks_of_a_worker_that_is_gone_are_found(store: Store, database: str) -> None:
    mine, forgotten, lost, queued = claimed(store), claimed(store), claimed(store, NOBODY), a_run(store)
    store.set_stack("slow", "installing", worker=WORKER)
    store.set_stack("lost", "installing", worker=NOBODY)
    store.set_stack("there", "ready")
    with psycopg.connect(database, autocommit=True) as presence:
        presence.execute(TAKE_LOCK, [WORKER])
        assert store.abandoned_runs(WORKER, [mine]) == [forgotten, lost]
        assert store.abandoned_runs(1, []) == [lost]
        assert store.abandoned_stacks(WORKER, ["slow"]) == ["lost"]
        # Who only hangs up does not wait for the server to let go of the lock. This does, until the backend is gone.
        with store.transaction() as tx:
            ended = tx.exec_driver_sql("select pg_terminate_backend(%s, 30000)", (presence.info.backend_pid,)).scalar()
        assert ended
    assert store.abandoned_runs(1, []) == [mine, forgotten, lost]
    assert queued not in store.abandoned_runs(1, [])


def test_what_a_run_may_have_left_in_the_lab_is_remembered_until_it_is_gone(store: Store) -> None:
    run_id = claimed(store)
    assert store.littered_runs() == []
    store.finish(run_id, END)
    assert store.littered_runs() == [run_id]
    store.tidied(run_id)
    assert store.littered_runs() == []


def test_a_queued_run_without_a_job_is_noticed(store: Store) -> None:
    lost, fine = a_run(store), a_run(store)
    jobs.enqueue_run(store, fine)
    assert store.forgotten_runs() == [], "it may just be on its way"
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set created = created - interval '1 minute'")
    assert store.forgotten_runs() == [lost]


def test_enqueueing_twice_is_enqueueing_once(store: Store) -> None:
    run_id = a_run(store)
    for _ in range(2):
        jobs.enqueue_run(store, run_id)
        jobs.enqueue_install(store, "old")
    with store.transaction() as tx:
        assert tx.exec_driver_sql("select count(*) from procrastinate_jobs").scalar() == 2
    (stack,) = store.stacks()
    assert (stack.name, stack.state) == ("old", "queued")


def test_the_log_of_a_stack_grows_and_is_cut_at_its_beginning(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.store.stacks.LOG_LIMIT", 10)
    store.set_stack("old", "installing", log="")
    rev = store.stacks()[0].rev
    store.append_stack_log("old", "one\n", "1 of 2")
    store.append_stack_log("old", "two\0\nthree\n", "2 of 2")
    stack = store.stack("old")
    assert stack is not None
    assert (stack.log, stack.progress, stack.rev > rev) == ("wo␀\nthree\n"[-10:], "2 of 2", True)
    store.set_stack("old", "failed", error="no compiler")
    stack = store.stack("old")
    assert stack is not None
    assert (stack.state, stack.error, stack.log.endswith("three\n")) == ("failed", "no compiler", True)


@pytest.mark.parametrize(
    "url", ["postgresql://ann:hunter2@127.0.0.1:1/x", "postgresql://ann:hunter2@/x?host=/nowhere&port=5432"]
)
def test_a_store_that_is_down_is_said_to_be_down_without_secrets(url: str) -> None:
    store = Store(url)
    with pytest.raises(StoreDown, match=r"cannot be reached: .*INTERLOCK_STORE_URL") as caught:
        store.ping()
    assert "hunter2" not in str(caught.value)
    with pytest.raises(StoreDown):
        migrate(url)
    with pytest.raises(StoreDown):
        store.wait(1, 0, 5)
    store.close()
