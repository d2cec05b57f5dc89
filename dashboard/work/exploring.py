"""Plays one exploration: many orders of a program, or many continuations of a run, one after the other in one runner.

How far it is goes to the store once a second. It ends when enough was tried, when its time is up, when somebody cancels
it, or when its worker stops; what was tried up to then is kept each time, and never passes for more than it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from dashboard.config import Settings
from dashboard.findings.inevitable import Ask
from dashboard.findings.inevitable import Found
from dashboard.findings.inevitable import Search
from dashboard.findings.inevitable import WayOut
from dashboard.findings.inevitable import search_of
from dashboard.findings.tally import Counting
from dashboard.findings.tally import Tally
from dashboard.runs import recorded
from dashboard.servers import lab
from dashboard.servers.home import ClusterError
from dashboard.servers.replica import Replica
from dashboard.store import ExplorationRow
from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.store.tables import EXPLORATION_CHANNEL
from dashboard.work import jobs
from dashboard.work.execution import insist
from dashboard.work.plan import Unplayable
from dashboard.work.plan import plan_exploration
from dashboard.work.plan import schema_of_exploration
from dashboard.work.shared_lock import SharedLock
from interlock.frame import End
from interlock.job import Job
from interlock.schedule import ScheduleError
from interlock.supervisor import Runner
from interlock.warm import RunnerError

logger = logging.getLogger(__name__)

BATCH = 200  # orders between which others get their turn
TELL_EVERY = 1.0  # seconds
WORKER_GONE = "The worker that tried the orders went away. What was tried up to then is here; explore again."
OURS = ("The runner process", "Interlock’s own engine")
"""How a crash begins that is none of the program's."""


class Investigation(Protocol):
    """What an exploration is to find out: says which orders to try next, and is told how they ended."""

    @property
    def progress(self) -> str: ...

    def found(self) -> Tally | Found: ...

    def next(self) -> Ask | None: ...

    def add(self, follow: int, seed: int | None, end: End) -> None: ...


class Atlas:
    """Orders of a program, each by a seed."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._counting = Counting()
        self._asked = 0

    @property
    def progress(self) -> str:
        tried = min(self._counting.tried, self._wanted)  # some may have been aimed at besides
        return f"{tried:,} of {self._wanted:,} orders tried"

    def found(self) -> Tally:
        return self._counting.tally()

    def next(self) -> Ask | None:
        if self._asked >= self._wanted or self._counting.known.whole:
            return None
        if self._counting.tried < self._asked:  # it cannot be run at all
            return None
        first, self._asked = self._asked, min(self._asked + BATCH, self._wanted)
        return Ask(0, range(first, self._asked), self._counting.known)

    def add(self, follow: int, seed: int | None, end: End) -> None:
        self._counting.add(seed, end)


class Continuations:
    """Continuations of a run, from where the search asks for them."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self._follow = 0

    @property
    def progress(self) -> str:
        found = self.search.found()
        if not found.tried:
            return "making the run again"
        out = f"a way out is known after step {found.last_out}" if found.last_out >= 0 else "no way out yet"
        return f"{found.tried:,} continuations tried, the latest from step {self._follow}; {out}"

    def found(self) -> Found:
        return self.search.found()

    def next(self) -> Ask | None:
        ask = self.search.next()
        if ask is not None:
            self._follow = ask.follow
        return ask

    def add(self, follow: int, seed: int | None, end: End) -> None:
        self.search.add(follow, seed, end)


class Explorer:
    """The explorations of one worker."""

    def __init__(self, settings: Settings, store: Store, key: int, lock: SharedLock, replica: Replica) -> None:
        self._settings = settings
        self._store = store
        self._key = key
        self._lock = lock
        self._replica = replica
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._exploring: dict[int, RunningExploration] = {}

    async def explore(self, exploration_id: int) -> None:
        """Carry out an exploration. Like a run, it goes on when its job in the queue is lost."""
        if exploration_id not in self._tasks:
            task = self._tasks[exploration_id] = asyncio.create_task(self._explore(exploration_id))
            task.add_done_callback(lambda _: self._tasks.pop(exploration_id))
        await asyncio.shield(self._tasks[exploration_id])

    @property
    def at_work(self) -> list[asyncio.Task[None]]:
        return list(self._tasks.values())

    def give_up(self) -> None:
        """End them all as interrupted, at once."""
        for exploring in self._exploring.values():
            exploring.give_up()

    async def sweep(self) -> None:
        """End, enqueue again or clear away what workers that are gone have left behind."""
        await asyncio.to_thread(self._take_over)
        for exploration_id in await asyncio.to_thread(self._store.littered_explorations):
            if exploration_id not in self._tasks:
                await self._tidy(exploration_id)

    def _take_over(self) -> None:
        for exploration_id in self._store.abandoned_explorations(self._key, list(self._tasks)):
            self._store.finish_exploration(exploration_id, "interrupted", error=WORKER_GONE)
        for exploration_id in self._store.forgotten_explorations():
            jobs.enqueue_exploration(self._store, exploration_id)

    async def _explore(self, exploration_id: int) -> None:
        try:
            if not await insist(self._store.claim_exploration, exploration_id, self._key):
                return
            row = await insist(self._store.exploration, exploration_id)
            assert row is not None
            try:
                await self._investigate(row)
            except (ClusterError, Unplayable, RunnerError, ScheduleError, lab.LabDown) as error:
                await insist(self._store.finish_exploration, row.id, "failed", error=str(error))
            except StoreDown:
                raise
            except Exception as error:
                logger.exception("Exploration %s: Interlock itself failed", row.id)
                why = f"Interlock itself failed; please report this. {type(error).__name__}: {error}"
                await insist(self._store.finish_exploration, row.id, "failed", error=why)
            await self._tidy(row.id)
        except StoreDown as error:
            logger.warning("Exploration %s was left: %s", exploration_id, error)

    async def _investigate(self, row: ExplorationRow) -> None:
        prepared = await asyncio.to_thread(plan_exploration, self._settings, row)
        job, investigation = await self._investigation(row, prepared.job)
        if job.replica_hosts:
            job = replace(job, replica=await asyncio.to_thread(self._replica.url))
        exploring = self._exploring[row.id] = RunningExploration(self._store, row, self._lock)
        try:
            status, found = await exploring.play(prepared.python, job, investigation)
        finally:
            del self._exploring[row.id]
        way_out = None
        if isinstance(investigation, Continuations) and investigation.search.broken:
            await insist(self._store.finish_exploration, row.id, "failed", found, error=investigation.search.broken)
            return
        if isinstance(found, Found) and found.ways_out and status != "interrupted":
            way_out = await insist(self._open_way_out, row, found.ways_out[0])
        await insist(self._store.finish_exploration, row.id, status, found, way_out=way_out)

    async def _investigation(self, row: ExplorationRow, job: Job) -> tuple[Job, Investigation]:
        """The job of each run that is tried, and what is to be found out."""
        if row.run_id is None:
            return job, Atlas(row.orders)
        run = await insist(self._store.run, row.run_id)
        if run is None or run.end is None:
            raise Unplayable("The run is not there any more, or not over.")
        if changed := recorded.altered(run.header, Path(job.program).parent) if run.header else []:
            raise Unplayable(
                f"{' and '.join(changed)} changed since the run was recorded, so its continuations would be another "
                "program's. Run it again, then look for the step in that run."
            )
        return replace(job, schedule=run.end.schedule), Continuations(search_of(run.end, run.failed_at, row.orders))

    def _open_way_out(self, row: ExplorationRow, way: WayOut) -> int:
        """Make a run of the continuation that ended well, a branch of the one that failed, for people to look at."""
        made = self._store.create_run(
            row.incident,
            row.program,
            row.stack,
            "replay",
            way.schedule,
            actor=row.actor,
            title=f"a way out after step {way.after}",
            parent=row.run_id,
            branch=way.after,
        )
        jobs.enqueue_run(self._store, made)
        return made

    async def _tidy(self, exploration_id: int) -> None:
        if self._settings.lab_url is None:
            return
        schema = schema_of_exploration(exploration_id)
        try:
            await asyncio.to_thread(lab.drop_schema, self._settings.lab_url, schema, self._replica.known)
            await asyncio.to_thread(self._store.tidied_exploration, exploration_id)
        except lab.LabDown as error:
            logger.warning("What exploration %s left in the lab stays there for now: %s", exploration_id, error)


class RunningExploration:
    """One exploration in this worker's hands."""

    def __init__(self, store: Store, row: ExplorationRow, lock: SharedLock) -> None:
        self._store = store
        self._row = row
        self._lock = lock
        self._wake = asyncio.Event()
        self._asked = True  # it may have been cancelled before anybody listened
        self._ending = ""

    def give_up(self) -> None:
        """End it as interrupted, because the worker stops."""
        self._ending = "interrupted"
        self._wake.set()

    async def play(self, python: str, job: Job, investigation: Investigation) -> tuple[str, Tally | Found]:
        """Try orders until the investigation or the time is over. Returns the status, and what was found.

        Raises `RunnerError`, `LabDown`, `StoreDown`.
        """
        loop = asyncio.get_running_loop()

        def ask() -> None:
            self._asked = True
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._wake.set)

        until = time.monotonic() + self._row.seconds
        trying = asyncio.create_task(self._try(python, job, investigation))
        trying.add_done_callback(lambda _: self._wake.set())
        try:
            with self._store.listener.watch(EXPLORATION_CHANNEL, str(self._row.id), ask):
                due = 0.0
                while not trying.done() and not self._ending and (now := time.monotonic()) < until:
                    self._wake.clear()
                    if now >= due:
                        due = now + TELL_EVERY
                        await self._tell(job, investigation)
                    await self._see_whether_wanted()
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), max(0.0, min(due, until) - time.monotonic()))
        finally:
            trying.cancel()
            await asyncio.wait([trying])
        if not trying.cancelled():
            trying.result()
        await asyncio.to_thread(lab.check, job.lab)  # with the lab away, what failed says nothing of its program
        return self._ending or "ended", investigation.found()

    async def _try(self, python: str, job: Job, investigation: Investigation) -> None:
        runner = await Runner.start(python)
        try:
            while ask := investigation.next():
                async with self._lock.shared():
                    await _play(runner, replace(job, follow=ask.follow), ask, investigation)
        finally:
            await runner.close()

    async def _tell(self, job: Job, investigation: Investigation) -> None:
        progress, found = investigation.progress, investigation.found()
        await asyncio.to_thread(lab.check, job.lab)
        await insist(self._store.tell_exploration, self._row.id, progress, found)

    async def _see_whether_wanted(self) -> None:
        if self._asked:
            self._asked = False
            row = await insist(self._store.exploration, self._row.id)
            if row is None or row.over:
                self._ending = "interrupted"
            elif row.cancel:
                self._ending = "cancelled"


async def _play(runner: Runner, job: Job, ask: Ask, investigation: Investigation) -> None:
    async with aclosing(runner.explore(job, ask.seeds, ask.known)) as ends:  # type: ignore[type-var]
        async for seed, end in ends:
            if end.outcome == "crash" and end.detail.startswith(OURS):
                raise RunnerError(end.detail)
            investigation.add(ask.follow, seed, end)
