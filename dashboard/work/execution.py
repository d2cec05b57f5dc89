"""Drives one run to its end: what its runner tells goes to the store, what people ask goes to the runner.

All of it happens in one loop, so nothing needs a lock: take what has arrived, go on if the run goes on by itself, write
down what arrived, obey what was asked, wait for more. A step is announced when it is committed, never before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec
from typing import TypeVar

from dashboard.store import Command
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import StoreDown
from dashboard.store.tables import COMMAND_CHANNEL
from dashboard.work import drive
from dashboard.work.drive import Drive
from dashboard.work.drive import Refused
from dashboard.work.runners import Runner
from interlock import schedule
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Job
from interlock.outcome import signature
from interlock.outcome import task_outcome
from interlock.schedule import Schedule

logger = logging.getLogger(__name__)

BATCH = 64  # steps written in one transaction, when they come faster than they can be written
BACKLOG = 512  # steps read ahead of the store
GRACE = 2.0  # seconds a runner has to stop before the run's process is killed, and then to tell that it was
IDLE = 30 * 60.0  # seconds after which a run that nobody moves is stopped: it holds a process and connections
SILENCE = 120.0  # seconds of work without a word from the runner, whose own watchdog should have spoken long before
STORE_PATIENCE = 15.0  # seconds to wait for a store that went away in mid-run

IDLE_NOTE = f"Stopped: nobody moved it for {IDLE / 60:.0f} minutes. Replay its schedule to be there again."
SILENCE_NOTE = f"The runner said nothing for {SILENCE:.0f} s and was ended."

P = ParamSpec("P")
T = TypeVar("T")


class GivenUp(Exception):
    """The run was ended from our side, without waiting for the runner: `end` is how."""

    def __init__(self, end: End) -> None:
        self.end = end


class Execution:
    """One run in this worker's hands."""

    def __init__(self, store: Store, run: RunRecord) -> None:
        self.carried: list[int] = []  # commands that the next step answers, or the end
        self._store = store
        self._run = run
        self._stepped = run.mode == "step"
        self._drive = Drive(plan=schedule.parse(run.schedule).deviations, follow=run.follow)
        self._arrived: deque[Message] = deque()
        self._room = asyncio.Event()
        self._wake = asyncio.Event()
        self._asked = True  # there may be commands that were not looked at
        self._seen: set[int] = set()
        self._orders: deque[Command] = deque()
        self._due = 0.0  # when a played run takes its next step
        self._heard = time.monotonic()  # when the runner spoke or a person acted
        self._stopping: asyncio.Task[None] | None = None
        self._stop_note = ""
        self._reason: str | None = None  # why it is given up
        self._note_due: str | None = None  # what it waits for, not written down yet
        self._noted = ""
        self._last: Step | None = None
        self._kept: Frame | None = None  # of the last step that is in the store
        self._deviations: dict[int, str] = {}

    def give_up(self, reason: str) -> None:
        """End the run as interrupted, at once."""
        self._reason = reason
        self._wake.set()

    async def play(self, runner: Runner, job: Job) -> End:
        """Play the run to its end. Raises `GivenUp` if the runner was not let finish, `StoreDown` and `RunGone`."""
        loop = asyncio.get_running_loop()

        def ask() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the run with it
                loop.call_soon_threadsafe(self._ask)

        reading = asyncio.create_task(self._read(runner.play(job, self._hear)))
        reading.add_done_callback(lambda _: self._wake.set())
        try:
            with self._store.listener.watch(COMMAND_CHANNEL, str(self._run.id), ask):
                while True:
                    self._wake.clear()
                    finished = reading.done()
                    end = await self._take(runner)
                    if end is not None:
                        return replace(end, summary=self._stop_note) if self._stop_note else end
                    if finished and not self._arrived:
                        reading.result()  # raises what went wrong there
                        raise GivenUp(self._made_up_end("crash", "The runner left without a word."))
                    if self._reason is not None:
                        raise GivenUp(self._made_up_end("interrupted", self._reason))
                    await self._obey(runner)
                    await self._go_on(runner)
                    await self._rest(runner)
        finally:
            if self._stopping is not None:
                self._stopping.cancel()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):  # it was raised above, if it mattered
                await reading

    # What the runner tells

    async def _read(self, messages: AsyncIterator[Message]) -> None:
        async for message in messages:
            self._arrived.append(message)
            self._heard = time.monotonic()
            self._wake.set()
            while len(self._arrived) >= BACKLOG:
                self._room.clear()
                await self._room.wait()

    def _hear(self, said: str) -> None:
        """The run cannot begin yet: note what it waits for."""
        self._heard = time.monotonic()
        self._note_due = said if said != self._noted else None
        self._wake.set()

    async def _take(self, runner: Runner) -> End | None:
        """Store what has arrived, at most `BATCH` steps of it. Returns the run's end if it was among them."""
        if self._note_due is not None:
            self._noted, self._note_due = self._note_due, None
            await insist(self._store.set_note, self._run.id, self._noted)
        steps: list[Step] = []
        end: End | None = None
        while self._arrived and len(steps) < BATCH and end is None:
            message = self._arrived.popleft()
            if isinstance(message, Header):
                await insist(self._store.set_header, self._run.id, message)
            elif isinstance(message, Step):
                steps.append(message)
                self._note(message)
            else:
                end = message
        if self._arrived:
            self._wake.set()
        self._room.set()
        if steps:
            if self._drive.pace == "finish":
                await self._go_on(runner)  # the runner works while we write
            done, self.carried = self.carried, []
            await insist(
                self._store.add_steps,
                self._run.id,
                steps,
                status=self._drive.status if self._stepped else "running",
                speed=self._drive.speed,
                next_token=self._drive.next if self._stepped else None,
                done=done,
                before=self._kept,
            )
            self._kept = steps[-1].frame
        return end

    def _note(self, step: Step) -> None:
        self._last = step
        self._drive = drive.arrived(self._drive, step)
        if self._drive.speed is not None:
            self._due = time.monotonic() + 1 / self._drive.speed
        if step.choice is not None and not step.choice.default:
            self._deviations[step.number] = step.choice.token

    # What people ask

    def _ask(self) -> None:
        self._asked = True
        self._wake.set()

    async def _obey(self, runner: Runner) -> None:
        if self._asked:
            self._asked = False
            try:
                commands = await asyncio.to_thread(self._store.open_commands, self._run.id)
            except StoreDown:
                return  # the listener asks us to look again when the store is back
            new = [command for command in commands if command.id not in self._seen]
            self._seen.update(command.id for command in new)
            self._orders.extend(new)
        for command in list(self._orders):
            if not self._may_obey(command):
                continue
            self._orders.remove(command)
            self._heard = time.monotonic()
            try:
                await self._carry_out(runner, command)
            except Refused as refusal:
                await insist(self._store.settle, command.id, str(refusal))

    def _may_obey(self, command: Command) -> bool:
        """Whether a command can be obeyed now: not `advance` while a step is under way; after a stop only `stop`."""
        if self._stopping is not None:
            return command.kind == "stop"
        return command.kind != "advance" or not self._stepped or not self._drive.moving

    async def _carry_out(self, runner: Runner, command: Command) -> None:
        if command.kind == "stop":
            self._stop(runner)
            self.carried.append(command.id)
        elif not self._stepped:
            raise Refused("This run is not stepped by hand: it goes by itself, as its schedule or its seed says.")
        elif command.kind == "advance":
            self._drive, token = drive.advanced(self._drive, command.payload)
            self.carried.append(command.id)
            await runner.advance(token)
        else:
            self._drive = drive.paced(self._drive, command.kind, command.payload)
            self._due = 0.0
            standing = self._drive
            await insist(
                self._store.set_status, self._run.id, standing.status, speed=standing.speed, next_token=standing.next
            )
            await insist(self._store.settle, command.id)

    # How it goes on

    async def _go_on(self, runner: Runner) -> None:
        """If it is time, advance a run that is being played, or finished up to its failure."""
        at = self._drive
        if not self._stepped or at.moving or at.pace == "hold" or self._stopping is not None:
            return
        if at.pace == "finish" or time.monotonic() >= self._due:
            self._drive, token = drive.gone_on(at)
            await runner.advance(token)

    async def _rest(self, runner: Runner) -> None:
        """Wait until there is something to do; stop or give up a run from which nothing has come for too long."""
        now = time.monotonic()
        if self._stopping is not None:
            until = now + IDLE
        elif not self._stepped or self._drive.moving:
            until = self._heard + SILENCE
            if now >= until:
                raise GivenUp(self._made_up_end("hang", SILENCE_NOTE))
        elif self._drive.pace == "play":
            until = self._due
        else:
            until = self._heard + IDLE
            if now >= until:
                self._stop_note = IDLE_NOTE
                self._stop(runner)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, until - now))

    def _stop(self, runner: Runner) -> None:
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_slowly(runner))

    async def _stop_slowly(self, runner: Runner) -> None:
        if self._stepped:
            await runner.stop()
            await asyncio.sleep(GRACE)
        await runner.interrupt()
        await asyncio.sleep(GRACE)
        self.give_up("It was stopped, and its runner did not answer any more.")

    def _made_up_end(self, outcome: str, why: str) -> End:
        return made_up_end(outcome, why, self._last, self._deviations)


async def insist(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call the store in a thread, again and again for a while if it is down."""
    patience = time.monotonic() + STORE_PATIENCE
    while True:
        try:
            return await asyncio.to_thread(write, *args, **kwargs)
        except StoreDown:
            if time.monotonic() >= patience:
                raise
            await asyncio.sleep(0.3)


def made_up_end(outcome: str, why: str, last: Step | None, deviations: dict[int, str]) -> End:
    """An `End` for a run that could not tell its own, made from its last step."""
    frame = last.frame if last is not None else Frame(0.0)
    tasks = tuple(task_outcome(view) for view in frame.tasks)
    return End(
        outcome=outcome,
        signature=signature(outcome, tasks, ()),
        summary=why.split("\n")[0],
        schedule=str(Schedule(deviations)),
        steps=last.number if last is not None else -1,
        tasks=tasks,
        detail=why,
    )
