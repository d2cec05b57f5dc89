"""Driving a run: against a real store, with a runner that plays what the test wrote."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeVar

import pytest

from dashboard.store import RunGone
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.store import migrate
from dashboard.store.tables import RUN_CHANNEL
from dashboard.work import execution
from dashboard.work.execution import Execution
from dashboard.work.execution import GivenUp
from interlock.frame import Choice
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.frame import TaskView
from interlock.job import Job
from tests.databases import fresh_database

T = TypeVar("T")
JOB = Job("broken.py", "", "run_1")
HEADER = Header(1, "broken.py", "step", "il1:", None, {}, ())
C1 = Choice("c1", "reply", "deliver the reply on c1", default=True)
C2 = Choice("c2", "reply", "deliver the reply on c2")


def a_step(number: int, *choices: Choice, chosen: Choice | None = None, raised: bool = False) -> Step:
    task = TaskView("t1", "first", "error" if raised else "waiting", moved=True)
    return Step(number, Frame(0.0, tasks=(task,), choices=choices), chosen, text=f"step {number}")


def an_end(steps: int, outcome: str = "ok") -> End:
    return End(outcome, "0123abcd", f"{outcome}, after step {steps}", "il1:", steps)


class FakeRunner:
    """Plays a program of so many steps, each with the choices c1 and c2; a task raises in some of them."""

    alive = True

    def __init__(
        self, length: int, *, stepped: bool = True, raises: tuple[int, ...] = (), hangs_at: int | None = None
    ) -> None:
        self.length, self.stepped, self.raises, self.hangs_at = length, stepped, raises, hangs_at
        self.advances: list[str | None] = []
        self.orders: asyncio.Queue[str | None] = asyncio.Queue()
        self.interrupted = asyncio.Event()

    async def play(self, job: Job, heard: object = None) -> AsyncIterator[Message]:
        yield HEADER
        chosen = None
        for number in range(self.length):
            last = number == self.length - 1
            yield a_step(number, *(() if last else (C1, C2)), chosen=chosen, raised=number in self.raises)
            if number == self.hangs_at:
                await self.interrupted.wait()
            if self.interrupted.is_set():
                yield an_end(number, "stopped")
                return
            if self.stepped and not last:
                order = await self.orders.get()
                if order == "stop":
                    yield an_end(number, "stopped")
                    return
                chosen = C2 if order == "c2" else C1
        yield an_end(self.length - 1)

    async def advance(self, token: str | None = None) -> None:
        self.advances.append(token)
        self.orders.put_nowait(token)

    async def stop(self) -> None:
        self.orders.put_nowait("stop")

    async def interrupt(self) -> None:
        self.interrupted.set()

    async def close(self) -> None:
        self.alive = False


@pytest.fixture(scope="module")
def database(store_url: str) -> Iterator[str]:
    with fresh_database(store_url) as url:
        migrate(url)
        yield url


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = Store(database)
    yield store
    store.close()


def claimed(store: Store, mode: str = "step", schedule: str = "il1:") -> RunRecord:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", mode, schedule)
    store.claim(run_id, 1)
    run = store.run(run_id)
    assert run
    return run


class Session:
    """A run that is being driven, and the person who drives it."""

    def __init__(self, store: Store, run: RunRecord, runner: FakeRunner) -> None:
        self.store, self.run, self.runner = store, run, runner
        self.execution = Execution(store, run)

    async def now(self) -> RunRecord:
        run = await asyncio.to_thread(self.store.run, self.run.id)
        assert run
        return run

    async def until(self, enough: Callable[[RunRecord], bool]) -> RunRecord:
        run = await self.now()
        while not enough(run):
            await asyncio.to_thread(self.store.wait, run.id, run.rev, 5)
            run = await self.now()
        return run

    async def waits_at(self, number: int) -> RunRecord:
        return await self.until(lambda run: run.status == "waiting" and run.steps == number)

    async def ask(self, kind: str, **payload: Any) -> str | None:
        """Ask something, wait for the answer: None, or why not."""
        command_id = await asyncio.to_thread(self.store.command, self.run.id, kind, payload)
        answer = await asyncio.to_thread(self.store.settled, command_id, 5)
        assert answer.done is not None, f"{kind} was not answered"
        return answer.error

    async def play(self) -> End:
        end = await self.execution.play(self.runner, JOB)
        await asyncio.to_thread(self.store.finish, self.run.id, end, done=self.execution.carried)
        return end


def drive(store: Store, runner: FakeRunner, person: Callable[[Session], Awaitable[T]], **run: str) -> tuple[End, T]:
    """Have a run driven by a person to its end."""

    async def main() -> tuple[End, T]:
        session = Session(store, claimed(store, **run), runner)
        async with asyncio.timeout(20):
            return await asyncio.gather(session.play(), person(session))

    return asyncio.run(main())


async def nobody(session: Session) -> None:
    """Leaves the run to itself."""


def test_a_stepped_run_goes_where_its_person_wants(store: Store) -> None:
    async def person(at: Session) -> None:
        await at.waits_at(0)
        assert await at.ask("advance", token="c2", at=0) is None
        await at.waits_at(1)
        assert await at.ask("advance", at=1) is None

    runner = FakeRunner(3)
    end, _ = drive(store, runner, person)
    assert (runner.advances, end.outcome) == (["c2", None], "ok")


def test_of_two_who_drive_at_once_one_is_told(store: Store) -> None:
    async def person(at: Session) -> list[str | None]:
        await at.waits_at(0)
        answers = await asyncio.gather(at.ask("advance", token="c1", at=0), at.ask("advance", token="c2", at=0))
        await at.waits_at(1)
        await at.ask("stop")
        return answers

    runner = FakeRunner(3)
    _, answers = drive(store, runner, person)
    assert len(runner.advances) == 1
    (refusal,) = [answer for answer in answers if answer is not None]
    assert "has moved on to step 1 since you saw step 0" in refusal


def test_on_to_the_failure_and_no_further(store: Store) -> None:
    async def person(at: Session) -> tuple[int | None, int]:
        await at.waits_at(0)
        await at.ask("finish")
        run = await at.until(lambda run: run.status == "waiting" and run.steps > 0)
        await at.ask("finish")
        return run.failed_at, run.steps

    end, where = drive(store, FakeRunner(9, raises=(4,)), person)
    assert (where, end.outcome) == ((4, 4), "ok")


def test_playing_and_pausing(store: Store) -> None:
    async def person(at: Session) -> tuple[float | None, int, int]:
        await at.waits_at(0)
        await at.ask("play", speed=20)
        playing = await at.until(lambda run: run.steps >= 2)
        await at.ask("pause")
        paused = await at.until(lambda run: run.status == "waiting")
        await asyncio.sleep(0.2)
        later = await at.now()
        await at.ask("stop")
        return playing.speed, paused.steps, later.steps

    end, (speed, paused, later) = drive(store, FakeRunner(100), person)
    assert (speed, later, end.outcome) == (20, paused, "stopped")


def test_going_on_follows_the_schedule_until_somebody_leaves_it(store: Store) -> None:
    async def person(at: Session) -> list[str | None]:
        coming = []
        for number in range(3):
            run = await at.waits_at(number)
            coming.append(run.next_token)
            await at.ask("advance", at=number)
        await at.waits_at(3)
        await at.ask("advance", token="c2", at=3)
        coming.append((await at.waits_at(4)).next_token)
        await at.ask("stop")
        return coming

    runner = FakeRunner(9)
    _, coming = drive(store, runner, person, schedule="il1:2=c2,3=c2,5=c2")
    assert coming == [None, "c2", "c2", None]
    assert runner.advances == [None, "c2", "c2", "c2"]


def test_a_run_that_goes_by_itself_is_written_down_whole(store: Store) -> None:
    async def person(at: Session) -> RunRecord:
        return await at.until(lambda run: run.over)

    _, run = drive(store, FakeRunner(300, stepped=False), person, mode="random")
    assert [caption.number for caption in store.captions(run.id)] == list(range(300))
    assert (run.steps, run.header, run.outcome) == (299, HEADER, "ok")


def test_a_run_that_goes_by_itself_obeys_nothing_but_stop(store: Store) -> None:
    async def person(at: Session) -> str | None:
        await at.until(lambda run: run.steps == 2)
        refusal = await at.ask("advance", at=2)
        assert await at.ask("stop") is None
        return refusal

    end, refusal = drive(store, FakeRunner(9, stepped=False, hangs_at=2), person, mode="replay")
    assert (end.outcome, refusal and "goes by itself" in refusal) == ("stopped", True)


def test_a_step_is_durable_before_it_is_announced(store: Store) -> None:
    """Whoever hears of a change finds all of its steps, with nothing missing before them."""
    gaps: list[str] = []
    heard = threading.Event()
    over = threading.Event()

    def reader(run_id: int) -> None:
        while not over.is_set():
            heard.wait(0.05)
            heard.clear()
            run = store.run(run_id)
            assert run
            captions = store.captions(run_id)
            if [caption.number for caption in captions][: run.steps + 1] != list(range(run.steps + 1)):
                gaps.append(f"{run.steps}: {captions}")

    async def person(at: Session) -> None:
        with store.listener.watch(RUN_CHANNEL, str(at.run.id), heard.set):
            reading = asyncio.create_task(asyncio.to_thread(reader, at.run.id))
            await at.until(lambda run: run.over)
            over.set()
            await reading

    drive(store, FakeRunner(200, stepped=False), person, mode="natural")
    assert gaps == []


def test_a_program_that_hangs_can_be_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "GRACE", 0.1)

    async def person(at: Session) -> None:
        await at.waits_at(0)
        await at.ask("advance", at=0)
        await at.until(lambda run: run.steps == 1)
        assert await at.ask("stop") is None

    end, _ = drive(store, FakeRunner(9, hangs_at=1), person)
    assert end.outcome == "stopped"


def test_a_run_that_nobody_moves_is_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "IDLE", 0.2)
    end, _ = drive(store, FakeRunner(9), nobody)
    assert (end.outcome, end.summary) == ("stopped", execution.IDLE_NOTE)


def test_a_runner_that_says_nothing_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "SILENCE", 0.2)
    with pytest.raises(GivenUp) as given_up:
        drive(store, FakeRunner(9, hangs_at=0, stepped=False), nobody, mode="replay")
    assert (given_up.value.end.outcome, given_up.value.end.steps) == ("hang", 0)


def test_what_goes_wrong_in_a_runner_is_raised(store: Store) -> None:
    class Broken(FakeRunner):
        async def play(self, job: Job, heard: object = None) -> AsyncIterator[Message]:
            yield HEADER
            raise OSError("its pipe broke")

    with pytest.raises(OSError, match="its pipe broke"):
        drive(store, Broken(9), nobody)


def test_a_run_given_up_tells_how_far_it_came(store: Store) -> None:
    async def main() -> End:
        session = Session(store, claimed(store), FakeRunner(9))

        async def person() -> None:
            await session.waits_at(0)
            await session.ask("advance", token="c2", at=0)
            await session.waits_at(1)
            session.execution.give_up("The worker was stopped.")

        with pytest.raises(GivenUp) as given_up:
            await asyncio.gather(session.play(), person())
        return given_up.value.end

    end = asyncio.run(main())
    assert (end.outcome, end.steps, end.schedule, end.detail) == (
        "interrupted",
        1,
        "il1:1=c2",
        "The worker was stopped.",
    )


def test_nothing_is_added_to_a_run_that_was_taken_from_us(store: Store) -> None:
    async def person(at: Session) -> None:
        await at.until(lambda run: run.steps == 0)
        await asyncio.to_thread(store.finish, at.run.id, an_end(0, "interrupted"), status="interrupted")
        await at.runner.interrupt()

    with pytest.raises(RunGone):
        drive(store, FakeRunner(9, stepped=False, hangs_at=0), person, mode="replay")


def test_a_run_outlives_a_moment_without_its_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter(range(3))
    add_steps = store.add_steps

    def flaky(*args: Any, **kwargs: Any) -> None:
        if next(failures, None) is not None:
            raise StoreDown("it restarts")
        add_steps(*args, **kwargs)

    monkeypatch.setattr(store, "add_steps", flaky)
    began = time.perf_counter()
    end, _ = drive(store, FakeRunner(5, stepped=False), nobody, mode="replay")
    assert end.outcome == "ok"
    assert time.perf_counter() - began < 5


def test_a_run_is_left_when_its_store_stays_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "STORE_PATIENCE", 0.5)

    def down(*args: Any, **kwargs: Any) -> None:
        raise StoreDown("it is gone")

    monkeypatch.setattr(store, "add_steps", down)
    with pytest.raises(StoreDown):
        drive(store, FakeRunner(5), nobody)
