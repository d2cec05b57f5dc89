"""Plays runs in a stack's interpreter and watches them: what the dashboard and the command line see of the engine.

A run can hang, crash, leak or be killed. It does so in a process of its own, and ends here as an `End` like any other:
*hang* when it gave no sign of life for `Limits.hang_after` seconds (with the Python stack, taken by faulthandler from
outside), *crash* when it died of a signal or left early.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import AsyncGenerator
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import Optional

from interlock import delta
from interlock import journal
from interlock import outcome
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Job
from interlock.job import Limits
from interlock.orders import Aim
from interlock.orders import Drawn
from interlock.orders import Orders
from interlock.orders import drawn_of
from interlock.schedule import Schedule
from interlock.warm import WarmProcess
from interlock.warm import kill_group


@dataclass(frozen=True)
class Forked:
    """One of many runs."""

    end: End
    drawn: Optional[Drawn] = None  # by chance; None: it could not tell
    digest: str = ""  # of its steps and its end, if there were pictures


class _Run:
    """What is known so far of the run that is being played."""

    def __init__(self) -> None:
        self.end: Optional[End] = None
        self.last: Optional[Step] = None
        self.worked = 0.0  # seconds; those in which a person thinks or another run has the replica do not count
        self._began = time.monotonic()
        self._deviations: dict[int, str] = {}

    def hear(self, kind: str, body: Any) -> None:
        """What every run tells, whoever plays it."""
        if kind == "chose":  # before its step, which does not come if the choice is what the run dies of
            self._deviations[body["step"]] = body["token"]
        elif kind == "end":
            self.end = journal.from_data(End, body)
        elif kind == "fault":
            self.end = self.ended("crash", f"Interlock’s own engine failed; please report this.\n{body}")

    def patience(self, limits: Limits) -> float:
        """How many seconds to wait for its next message."""
        return max(0.05, min(limits.hang_after, limits.seconds - self.worked))

    def ended(self, name: str, detail: str, seconds: Optional[float] = None) -> End:
        """An end that the run could not tell itself, from the last picture there is."""
        frame = self.last.frame if self.last is not None else Frame(0.0)
        tasks = tuple(outcome.task_outcome(view) for view in frame.tasks)
        return End(
            outcome=name,
            signature=outcome.signature(name, tasks, ()),
            summary=outcome.summary(name, tasks, (), detail),
            schedule=str(Schedule(self._deviations)),
            steps=self.last.number if self.last is not None else -1,
            tasks=tasks,
            detail=detail.strip(),
            duration_ms=round((time.monotonic() - self._began if seconds is None else seconds) * 1000, 3),
        )


class Runner:
    """Plays one job at a time in a warm process, each run in a process forked from it."""

    def __init__(self, process: WarmProcess) -> None:
        self._process = process
        self.run_pid: Optional[int] = None  # the process of the run that is being played
        self._stopped = False  # somebody has ended the run by hand

    @classmethod
    async def start(cls, python: str) -> Runner:
        """Start an interpreter and have it import the stack. Raises `RunnerError`."""
        return cls(await WarmProcess.start(python))

    @property
    def alive(self) -> bool:
        """Whether the warm process is there."""
        return self._process.alive

    async def play(self, job: Job, heard: Callable[[str], None] = lambda said: None) -> AsyncIterator[Message]:
        """Play a job: a `Header`, `Step`s, and always exactly one `End`, whatever happens to the process.

        `heard` is told what the run waits for before it can begin.
        """
        run, reader = _Run(), delta.Reader()
        thinking = False  # the run waits for a person's choice, which may take its time
        if not self._begin(job):
            yield run.ended("crash", "The runner process is gone. " + self._process.tail())
            return
        try:
            while True:
                message = await self._receive(run, None if thinking else run.patience(job.limits))
                if message is None:
                    yield run.end or self._process_gone(run)
                    return
                kind, body = message
                if kind == "started":
                    self.run_pid = body["pid"]
                elif kind in ("asking", "answered"):
                    thinking = kind == "asking"
                elif kind == "waits":
                    heard(body)
                elif kind == "header":
                    yield journal.from_data(Header, body)
                elif kind == "step":
                    run.last = reader.step(body)
                    yield run.last
                elif kind == "exited":
                    self.run_pid = None
                    yield run.end or self._run_gone(run, body["status"])
                    return
                else:
                    run.hear(kind, body)
                await self._watch(run, job.limits, silent=kind == "silence")
        finally:
            self._abandon(self.run_pid)

    async def explore(
        self, job: Job, seeds: Sequence[int], orders: Optional[Orders] = None
    ) -> AsyncIterator[tuple[Optional[int], End]]:
        """Find out how a program ends for each seed, for the ends alone; yields each with its seed.

        Each run follows the job's schedule for the first `job.follow` steps, and its seed from there on. The program is
        imported once, and every run is forked from the moment at which its event loop begins. A program that does not
        get there yields one `End`, with the first seed.

        What is known of the program's orders is not played again (see `orders`). Whoever gives `orders` to be filled
        wants them all: where few enough seem to be left, orders that no seed has come to are played, with None for
        their seed, in place of seeds whose end was known.
        """
        known, todo, left_over = orders if orders is not None else Orders(), deque(seeds), 0
        answers: deque[tuple[Optional[int], End]] = deque()
        seed: Optional[int] = seeds[0]

        def following() -> Optional[Aim]:
            nonlocal seed, left_over
            while todo and (answer := known.known(todo[0])) is not None:
                answers.append((todo.popleft(), answer))
                left_over += 1
            reachable = orders is not None and known.open <= left_over + len(todo)
            aim = known.untried() if left_over and reachable else None
            if aim is not None:
                seed, left_over = None, left_over - 1
            elif todo:
                seed = todo.popleft()
                aim = Aim(seed)
            return aim

        runs = self._forked(replace(job, mode="random", many=True, pictures=False), following)
        try:
            async for run in runs:
                if run.drawn is not None and run.end.outcome != "interrupted":
                    known.add(run.drawn, run.end)
                else:
                    known.lost()
                answers.append((seed, run.end))
                while answers:
                    yield answers.popleft()
            while answers:
                yield answers.popleft()
        finally:
            await runs.aclose()

    async def replay(self, job: Job, times: int) -> AsyncIterator[tuple[str, End]]:
        """Play a job again and again with all its pictures; yields for each time the digest of its steps and its end.

        The program is imported once, and every run is forked from the moment at which its event loop begins.
        """
        numbers = iter(range(times))
        runs = self._forked(replace(job, many=True), lambda: None if next(numbers, None) is None else Aim())
        try:
            async for run in runs:
                yield run.digest, run.end
        finally:
            await runs.aclose()

    async def _forked(self, job: Job, following: Callable[[], Optional[Aim]]) -> AsyncGenerator[Forked, None]:
        """Runs of one program, each forked from the moment at which its event loop begins, for as long as there are
        any to follow. A program that does not get there yields one `End`.
        """
        run = _Run()
        drawn: Optional[Drawn] = None
        digest = ""
        template: Optional[int] = None  # the process that the runs are forked from
        reached = False  # the program has come to its event loop
        if not self._begin(job):
            yield Forked(run.ended("crash", "The runner process is gone. " + self._process.tail()))
            return
        try:
            while True:
                message = await self._receive(run, run.patience(job.limits))
                if message is None:
                    yield Forked(run.end or self._process_gone(run))
                    return
                kind, body = message
                if kind == "started":
                    template = self.run_pid = body["pid"]
                elif kind == "free":
                    reached, aim = True, following()
                    self._process.send({"aim": journal.to_data(aim)} if aim is not None else {"stop": True})
                    run.worked = 0.0
                elif kind == "began":
                    self.run_pid, run, drawn, digest = body["pid"], _Run(), None, ""
                elif kind == "drew":
                    drawn = drawn_of(body)
                elif kind == "digest":
                    digest = body
                elif kind == "left":
                    self.run_pid = template
                    yield Forked(run.end, drawn, digest) if run.end else Forked(self._run_gone(run, body["status"]))
                    run = _Run()
                elif kind == "exited":
                    self.run_pid = template = None
                    if run.end is not None or not reached:
                        yield Forked(run.end or self._run_gone(run, body["status"]))
                    return
                else:
                    run.hear(kind, body)
                if await self._watch(run, job.limits, silent=kind == "silence"):
                    drawn = None
        finally:
            self._abandon(template)

    async def advance(self, token: Optional[str] = None) -> None:
        """Step mode: carry out this choice, or the default one."""
        self._process.send({"advance": token or ""})

    async def stop(self) -> None:
        """Step mode: end the run at the step where it waits."""
        self._process.send({"stop": True})

    async def interrupt(self) -> None:
        """End the run's process now, wherever it is."""
        self._stopped = True
        if self.run_pid is not None:
            kill_group(self.run_pid)

    async def close(self) -> None:
        """End the warm process and whatever it runs."""
        if self.run_pid is not None:
            kill_group(self.run_pid)
        await self._process.close()

    # Inside ---------------------------------------------------------------------

    def _begin(self, job: Job) -> bool:
        """Have the warm process play this. Returns False if it is gone."""
        self.run_pid, self._stopped = None, False
        begun = self._process.send({"job": journal.to_data(job)})
        if begun:
            self._process.forget_tail()
        return begun

    async def _receive(self, run: _Run, patience: Optional[float]) -> Optional[tuple[str, Any]]:
        """The next message: its kind and its body; None once the warm process is gone. Without `patience` a person is
        waited for.
        """
        since = time.monotonic()
        message = await self._process.receive(patience)
        if message is None:
            return None
        ((kind, body),) = message.items()
        if patience is not None and kind != "waits":  # its turn at the replica is no work of its own
            run.worked += time.monotonic() - since
        return kind, body

    async def _watch(self, run: _Run, limits: Limits, *, silent: bool) -> bool:
        """End a run that gives no sign of life, or has used up its time. Returns whether it was ended."""
        over = run.worked >= limits.seconds
        if run.end is not None or not (over or silent):
            return False
        stack = ""
        if self.run_pid is not None:
            stack = await self._process.stack_of(self.run_pid)
            kill_group(self.run_pid)
        if over:
            why = f"The run was ended after {limits.seconds:g} s of work, its bound."
            run.end = run.ended("limit", f"{why}\n{stack}", limits.seconds)
        else:
            why = f"The event loop stood still for {limits.hang_after:g} s.\nThe Python stack at that moment:"
            run.end = run.ended("hang", f"{why}\n{stack}", limits.hang_after)
        return True

    def _abandon(self, pid: Optional[int]) -> None:
        """If whoever listened went away in mid-run, end it all: what would still come belongs to nobody."""
        if pid is not None:
            kill_group(pid)
            self.run_pid = None
            self._process.kill()

    def _process_gone(self, run: _Run) -> End:
        how = f"The runner process ended unexpectedly ({self._process.how_it_ended()}). {self._process.tail()}"
        return run.ended("stopped" if self._stopped else "crash", how)

    def _run_gone(self, run: _Run, status: int) -> End:
        """The run's process has ended without telling its end; `status` is as `os.waitpid` has it."""
        if self._stopped:
            return run.ended("stopped", "The run was ended by hand.")
        if os.WIFSIGNALED(status):
            how = f"died of {signal.Signals(os.WTERMSIG(status)).name}"
        else:
            how = f"left with status {os.WEXITSTATUS(status)} in mid-run"
        return run.ended("crash", f"The run’s process {how}.\n{self._process.tail()}")
