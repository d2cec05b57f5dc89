"""The worker: an event loop in the background that plays runs, explores orders, and installs stacks.

It lives on a thread of the web process, or alone (`interlock worker`). When it loses the store it tries again until the
store is back, and runs in its hands go on if that is soon. When it dies, however it dies, another one (or its
successor) sees that its lock is gone, ends its runs as interrupted and tidies up after them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status

from dashboard.catalogue import stacks
from dashboard.catalogue.verdict import verdict
from dashboard.config import Settings
from dashboard.servers import lab
from dashboard.servers.home import ClusterError
from dashboard.servers.replica import Replica
from dashboard.store import RunGone
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.store.custody import TAKE_LOCK
from dashboard.store.runs import LAST
from dashboard.work import jobs
from dashboard.work.execution import Execution
from dashboard.work.execution import GivenUp
from dashboard.work.execution import insist
from dashboard.work.execution import made_up_end
from dashboard.work.exploring import Explorer
from dashboard.work.plan import Plan
from dashboard.work.plan import Unplayable
from dashboard.work.plan import plan
from dashboard.work.plan import schema_of
from dashboard.work.runners import Runners
from dashboard.work.shared_lock import SharedLock
from interlock.frame import End
from interlock.schedule import ScheduleError
from interlock.supervisor import Runner
from interlock.warm import RunnerError

logger = logging.getLogger(__name__)

RUNS_AT_ONCE = 4
STEPPED_AT_ONCE = 16
SWEEP_EVERY = 10.0  # seconds
CHORES_EVERY = 3600.0  # seconds
STALLED_AFTER = 30.0  # seconds without a sign of life of the queue's worker
RETRY_AFTER = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds; the last one repeats
FAREWELL = 1.5  # seconds that runs have to be written down when the worker stops, and then the queue to let go
LET_GO = 0.5  # seconds that the queue has to end; when its store is away it would wait much longer
THREADS = 16  # for the store, which is asked in threads

WORKER_STOPPED = (
    "The worker that played it was stopped. Its steps are all here; replay its schedule to see it to the end."
)
WORKER_GONE = "The worker that played it went away. Its steps are all here; replay its schedule to see it to the end."
INSTALL_GONE = "The worker that installed it went away. Install it again."


class Worker:
    """One worker. `run()` returns after `stop()`, or never."""

    def __init__(self, settings: Settings) -> None:
        if settings.store_url is None:
            raise ValueError("A worker needs settings that name the store in store_url.")
        self.ready = False  # it takes jobs
        self._key = secrets.randbits(62)
        self._settings = settings
        self._url = settings.store_url
        self._store = Store(settings.store_url)
        self._runners = Runners(Runner.start)
        self._replica = Replica(settings)
        self._lock = SharedLock()
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._executions: dict[int, Execution] = {}
        self._explorer = Explorer(settings, self._store, self._key, self._lock, self._replica)
        self._installs: set[str] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        for noisy in ("procrastinate", "psycopg.pool"):  # what they have to say of a lost store, we say in a line
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "interlock-store"))
        stopping = asyncio.create_task(self._stopping.wait())
        warming = asyncio.create_task(self._warm_up())
        failures = 0
        try:
            while not self._stopping.is_set():
                serving = asyncio.create_task(self._serve())
                await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
                failures = 0 if self.ready else failures + 1
                self.ready = False
                if self._stopping.is_set():
                    await self._say_farewell()
                serving.cancel()
                await asyncio.wait([serving], timeout=FAREWELL)
                if not self._stopping.is_set():
                    _tell_why(serving)
                    pause = RETRY_AFTER[min(failures, len(RETRY_AFTER) - 1)]
                    await asyncio.wait([stopping], timeout=pause)
        finally:
            unfinished = [warming, stopping, *self._runs.values(), *self._explorer.at_work]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            await self._runners.close()
            await asyncio.to_thread(self._replica.close)
            # Who was cancelled while a thread asked the store has left the thread behind, and its connection with it.
            await asyncio.get_running_loop().shutdown_default_executor()
            self._store.close()

    async def _serve(self) -> None:
        """Take jobs, for as long as the store is there."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=5) as presence:
            await presence.execute(TAKE_LOCK, [self._key])
            async with jobs.application(self._url, self).open_async() as queue:
                await self._sweep(queue)
                self.ready = True
                await _while_all_run(
                    _take_jobs(queue, jobs.RUNS, RUNS_AT_ONCE),
                    _take_jobs(queue, jobs.STEPPED, STEPPED_AT_ONCE),
                    _take_jobs(queue, jobs.EXPLORATIONS, 1),
                    _take_jobs(queue, jobs.INSTALLS, 1),
                    self._sweep_again(queue),
                    self._do_chores(),
                    _until_lost(presence),
                )

    async def _say_farewell(self) -> None:
        """Have the runs in our hands written down as interrupted."""
        for execution in self._executions.values():
            execution.give_up(WORKER_STOPPED)
        self._explorer.give_up()
        if at_work := [*self._runs.values(), *self._explorer.at_work]:
            await asyncio.wait(at_work, timeout=FAREWELL)

    async def _warm_up(self) -> None:
        """Have a runner of each stack ready before somebody wants it."""
        known = await asyncio.to_thread(stacks.catalogue, self._settings)
        for stack in known.stacks:
            if stack.installed:
                await self._warm(stack.python)

    async def _warm(self, python: str) -> None:
        try:
            await self._runners.warm(python)
        except RunnerError as error:
            logger.warning("No runner could be kept ready: %s", error)

    # Playing runs

    async def play_run(self, run_id: int) -> None:
        """Play a queued run to its end. It outlives its job: when the store is away for a moment, only the job ends."""
        if run_id not in self._runs:
            task = self._runs[run_id] = asyncio.create_task(self._play(run_id))
            task.add_done_callback(lambda _: self._runs.pop(run_id))
        await asyncio.shield(self._runs[run_id])

    async def _play(self, run_id: int) -> None:
        try:
            if not await insist(self._store.claim, run_id, self._key):
                return
            run = await insist(self._store.run, run_id)
            assert run is not None
            end, expected, done = await self._execute(run)
            status = "interrupted" if end.outcome == "interrupted" else "ended"
            await insist(self._store.finish, run_id, end, expected, status=status, done=done)
            await self._tidy(run_id)
        except (StoreDown, RunGone) as error:
            logger.warning("Run %s was left: %s", run_id, error)

    async def _execute(self, run: RunRecord) -> tuple[End, bool | None, list[int]]:
        """How the run ended, whether that was expected, and the commands that led there."""
        try:
            prepared = await asyncio.to_thread(plan, self._settings, run)
            job = prepared.job
            if job.replica_hosts:
                job = replace(job, replica=await self._replica_for(run))
            execution = self._executions[run.id] = Execution(self._store, run)
            try:
                async with self._share_of_worker(prepared), self._runners.lend(prepared.python) as runner:
                    end = await execution.play(runner, job)
            except GivenUp as given_up:
                end = given_up.end
            end = await self._post_mortem(end)
            expected = verdict(prepared.program, run.stack, end, natural=run.mode == "natural")
            return end, expected, execution.carried
        except (ClusterError, Unplayable, RunnerError, ScheduleError) as error:
            return made_up_end("invalid", str(error), None, {}), None, []
        except (StoreDown, RunGone):
            raise
        except Exception as error:
            logger.exception("Run %s: Interlock itself failed", run.id)
            why = f"Interlock itself failed; please report this. {type(error).__name__}: {error}"
            return made_up_end("interrupted", why, None, {}), None, []
        finally:
            self._executions.pop(run.id, None)

    async def _replica_for(self, run: RunRecord) -> str:
        if self._replica.known is None:
            await insist(self._store.set_note, run.id, "The replica of the lab is being started: its first use here.")
        return await asyncio.to_thread(self._replica.url)

    def _share_of_worker(self, prepared: Plan) -> contextlib.AbstractAsyncContextManager[None]:
        """Of runs that go by themselves, one that measures time has this worker alone, and the others share it."""
        if prepared.job.mode == "step":
            return contextlib.nullcontext()
        return self._lock.exclusive() if prepared.program.kind == "timing" else self._lock.shared()

    async def _post_mortem(self, end: End) -> End:
        """If a run failed because the lab went away, say so: such an end tells nothing about the program."""
        if self._settings.lab_url is None or end.outcome not in ("crash", "error", "interrupted", "invalid", "stuck"):
            return end
        try:
            await asyncio.to_thread(lab.check, self._settings.lab_url)
        except lab.LabDown as error:
            outcome = "invalid" if end.steps < 0 else "interrupted"
            return replace(end, outcome=outcome, summary=str(error), detail=f"{error}\n\n{end.detail}".strip())
        return end

    async def _tidy(self, run_id: int) -> None:
        """Clear what a run left in the lab; if that cannot be done now, a sweep does it later."""
        if self._settings.lab_url is None:
            return
        try:
            replica = self._replica.known
            await asyncio.to_thread(lab.drop_schema, self._settings.lab_url, schema_of(run_id), replica)
            await asyncio.to_thread(self._store.tidied, run_id)
        except lab.LabDown as error:
            logger.warning("What run %s left in the lab stays there for now: %s", run_id, error)

    # Exploring

    async def explore(self, exploration_id: int) -> None:
        """Carry out a queued exploration."""
        await self._explorer.explore(exploration_id)

    # Installing stacks

    async def install_stack(self, name: str) -> None:
        """Make a stack's environment, telling the store how far it is."""

        async def tell(text: str) -> None:
            await insist(self._store.append_stack_log, name, text)

        async def tell_progress(text: str) -> None:
            await insist(self._store.append_stack_log, name, "", text)

        self._installs.add(name)
        try:
            await insist(self._store.set_stack, name, "installing", log="", worker=self._key)
            try:
                stack = await stacks.install(self._settings, name, tell, tell_progress)
            except stacks.StackError as error:
                await insist(self._store.set_stack, name, "failed", error=str(error))
            except Exception as error:
                logger.exception("Installing %s: Interlock itself failed", name)
                why = f"Interlock itself failed; please report this. {type(error).__name__}: {error}"
                await insist(self._store.set_stack, name, "failed", error=why)
            else:
                await insist(self._store.set_stack, name, "ready")
                await self._warm(stack.python)
        except StoreDown as error:
            logger.warning("Nobody could be told how the installation of %s went: %s", name, error)
        finally:
            self._installs.discard(name)

    # Tidying up after workers that went away

    async def _sweep_again(self, queue: App) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            await self._sweep(queue)

    async def _sweep(self, queue: App) -> None:
        for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
            assert job.id is not None
            await queue.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
        for run_id in await asyncio.to_thread(self._store.taken_runs, list(self._executions)):
            if run_id in self._executions:
                self._executions[run_id].give_up(WORKER_GONE)
        await asyncio.to_thread(self._take_over)
        for run_id in await asyncio.to_thread(self._store.littered_runs):
            if run_id not in self._runs:
                await self._tidy(run_id)
        await self._explorer.sweep()

    async def _do_chores(self) -> None:
        """Delete the runs that are kept no longer, and have the lab vacuumed: at the start, then once an hour."""
        while True:
            if deleted := await asyncio.to_thread(self._store.retain, "worker"):
                logger.info("%s runs were deleted, as they are kept no longer.", deleted)
            if self._settings.lab_url is not None:
                try:
                    await asyncio.to_thread(lab.vacuum, self._settings.lab_url)
                except lab.LabDown as error:
                    logger.warning("%s", error)
            await asyncio.sleep(CHORES_EVERY)

    def _take_over(self) -> None:
        for run_id in self._store.abandoned_runs(self._key, list(self._runs)):
            last, deviations = None, {}
            for step in self._store.steps(run_id, 0, LAST):
                last = step
                if step.choice is not None and not step.choice.default:
                    deviations[step.number] = step.choice.token
            with contextlib.suppress(RunGone):  # another worker was faster
                end = made_up_end("interrupted", WORKER_GONE, last, deviations)
                self._store.finish(run_id, end, status="interrupted")
        for name in self._store.abandoned_stacks(self._key, list(self._installs)):
            self._store.set_stack(name, "failed", error=INSTALL_GONE)
        for run_id in self._store.forgotten_runs():
            jobs.enqueue_run(self._store, run_id)


async def _take_jobs(queue: App, name: str, at_once: int) -> None:
    await queue.run_worker_async(
        queues=[name],
        name=name,
        concurrency=at_once,
        install_signal_handlers=False,
        shutdown_graceful_timeout=0,
        delete_jobs="always",
    )


async def _until_lost(connection: psycopg.AsyncConnection) -> None:
    """Return never, but raise when the connection is lost."""
    while True:
        await asyncio.sleep(5)
        await connection.execute("select 1")


async def _while_all_run(*parts: Coroutine[object, object, None]) -> None:
    """Run all of them until one ends or fails, then end the others."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.add_done_callback(_heard)
            task.cancel()
        await asyncio.wait(tasks, timeout=LET_GO)


def _heard(task: asyncio.Task[None]) -> None:
    """Retrieve the exception of a task that nobody waits for any more, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()


def _tell_why(serving: asyncio.Task[None]) -> None:
    if not serving.done():
        logger.error("The worker's queue does not let go of the store; it is left behind.")
    elif serving.cancelled() or serving.exception() is None:
        logger.warning("The worker's queue stopped; it is started again.")
    elif isinstance(error := serving.exception(), (StoreDown, ConnectorException, psycopg.Error)):
        logger.warning("The worker lost the store and tries again: %s", error)
    else:
        logger.error("The worker failed and is started again; please report this.", exc_info=error)


class WorkerThread:
    """A worker on a thread of this process."""

    def __init__(self, settings: Settings) -> None:
        self._worker = Worker(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="interlock-worker", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether it takes jobs."""
        return self._thread.is_alive() and self._worker.ready

    def stop(self, timeout: float = 5.0) -> bool:
        """End it, with its runs as interrupted and its runners closed; False if it did not end in time."""
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._worker.stop)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._worker.run())


def start_in_thread(settings: Settings) -> WorkerThread:
    """Start a worker in the background of this process."""
    return WorkerThread(settings)


def run(settings: Settings) -> None:
    """Be a worker, until a signal says stop."""

    async def main() -> None:
        worker = Worker(settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, worker.stop)
        await worker.run()

    asyncio.run(main())
