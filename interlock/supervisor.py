"""Runs a stack's interpreter as a child and watches it: what the dashboard and the command line see of the engine.

A run can hang, crash, leak or be killed. It does so in a process of its own, and ends here as an `End` like any other:
*hang* when it gave no sign of life for `Limits.hang_after` seconds (with the Python stack, taken by faulthandler from
outside), *crash* when it died of a signal or left early.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections import deque
from collections.abc import AsyncGenerator
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Optional

import interlock
from interlock import delta
from interlock import journal
from interlock import outcome
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Step
from interlock.job import Invariant
from interlock.job import Job
from interlock.job import Limits
from interlock.orders import Aim
from interlock.orders import Drawn
from interlock.orders import Orders
from interlock.orders import drawn_of
from interlock.schedule import Schedule

__all__ = ["Invariant", "Job", "Limits", "Runner", "RunnerError"]

START_TIMEOUT = 60.0
SILENCE = {"silence": True}  # in place of a line that did not come in time
_THREAD = re.compile(r"[Tt]hread 0x[0-9a-f]+")  # its number is another one in each process
LINE_LIMIT = 64 * 1024 * 1024
READ_LIMIT = 1024 * 1024  # bytes at a time
TAIL_LINES = 400
STACK_PATIENCE = 1.0

# Loads the package by its path without putting its folder on sys.path, where its neighbours would shadow the program's.
BOOTSTRAP = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("interlock", {init!r}, submodule_search_locations=[{folder!r}])
sys.modules["interlock"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
sys.path[:] = [path for path in sys.path if path]
from interlock.child import main
main()
"""


@dataclass(frozen=True)
class Forked:
    """One of many runs."""

    end: End
    drawn: Optional[Drawn] = None  # by chance; None: it could not tell
    digest: str = ""  # of its steps and its end, if there were pictures


class RunnerError(Exception):
    """The stack's interpreter could not be started, or its warm process is gone; the text says why."""


class Runner:
    """A warm child process of one interpreter. Plays one job at a time, each in a process forked for it."""

    def __init__(self, process: asyncio.subprocess.Process, python: str) -> None:
        self._process = process
        self.python = python
        self.run_pid: Optional[int] = None
        self.missing: list[str] = []
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._lines: deque[bytes] = deque()  # that have been read and not been looked at
        self._part = b""  # of the line after them
        self._reading = asyncio.ensure_future(self._read_tail())
        self._ending: Optional[str] = None
        self._deviations: dict[int, str] = {}

    @classmethod
    async def start(cls, python: str) -> Runner:
        """Start an interpreter and have it import the stack. Raises `RunnerError`."""
        folder = str(Path(interlock.__file__).parent)
        code = BOOTSTRAP.format(init=os.path.join(folder, "__init__.py"), folder=folder)
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        for name in list(environment):
            if name.startswith(("PG", "INTERLOCK_")):
                del environment[name]
        try:
            process = await asyncio.create_subprocess_exec(
                python,
                "-c",
                code,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                limit=READ_LIMIT,
                start_new_session=True,
            )
        except OSError as error:
            raise RunnerError(
                f"The interpreter {python} cannot be started: {error.strerror}. Install its stack again."
            ) from error
        runner = cls(process, python)
        try:
            ready = await runner._next(START_TIMEOUT)
        except BaseException:  # whoever wanted it was cancelled
            await runner.close()
            raise
        if ready is None or "ready" not in ready:
            await runner.close()
            raise RunnerError(f"The interpreter {python} did not come up. It said: {runner.tail() or 'nothing'}")
        runner.missing = ready["ready"]["missing"]
        return runner

    @property
    def alive(self) -> bool:
        """Whether the warm process is there."""
        return self._process.returncode is None

    async def play(self, job: Job, heard: Callable[[str], None] = lambda said: None) -> AsyncIterator[Message]:
        """Play a job: a `Header`, `Step`s, and always exactly one `End`, whatever happens to the process.

        `heard` is told what the run waits for before it can begin.
        """
        self.run_pid, self._ending = None, None
        self._tail.clear()
        began = time.monotonic()
        worked = 0.0
        thinking = False  # the run waits for a person's choice, which may take its time
        last: Optional[Step] = None
        end: Optional[End] = None
        self._deviations = {}
        reader = delta.Reader()
        if not self._tell({"job": journal.to_data(job)}):
            yield self._end("crash", "The runner process is gone. " + self.tail(), None, 0.0)
            return
        try:
            while True:
                waiting_since = time.monotonic()
                patience = None if thinking else max(0.05, min(job.limits.hang_after, job.limits.seconds - worked))
                line = await self._next(patience)
                if not thinking and not (line and "waits" in line):  # its turn at the replica is no work of its own
                    worked += time.monotonic() - waiting_since
                if line is None:
                    detail = f"The runner process ended unexpectedly ({self._how_it_ended()}). {self.tail()}"
                    if end is None:
                        end = self._end(self._name_of_end(), detail, last, time.monotonic() - began)
                    yield end
                    return
                kind, body = next(iter(line.items()))
                if kind == "started":
                    self.run_pid = body["pid"]
                elif kind in ("asking", "answered"):
                    thinking = kind == "asking"
                elif kind == "waits":
                    heard(body)
                elif kind == "fault":
                    end = self._end("crash", f"Interlock’s own engine failed; please report this.\n{body}", last, 0.0)
                elif kind in ("header", "step"):
                    message = reader.step(body) if kind == "step" else journal.from_data(Header, body)
                    if isinstance(message, Step):
                        last = message
                    yield message
                elif kind == "chose":  # before its step, which does not come if the choice is what the run dies of
                    self._deviations[body["step"]] = body["token"]
                elif kind == "end":
                    end = journal.from_data(End, body)
                elif kind == "exited":
                    self.run_pid = None
                    if end is None:
                        end = self._gone(body["status"], last, time.monotonic() - began)
                    yield end
                    return
                over = worked >= job.limits.seconds
                if end is None and (over or kind == "silence"):
                    end = await self._put_down(job, last, over)
        finally:
            if (
                self.run_pid is not None
            ):  # whoever listened went away in mid-run: what would still come belongs to nobody
                _kill(self.run_pid)
                self.run_pid = None
                self._process.kill()

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
        self._ending, self._deviations = None, {}
        drawn: Optional[Drawn] = None
        end, template, digest = None, None, ""
        began = time.monotonic()
        if not self._tell({"job": journal.to_data(job)}):
            yield Forked(self._end("crash", "The runner process is gone. " + self.tail(), None, 0.0))
            return
        try:
            while True:
                left = began + job.limits.seconds - time.monotonic()
                line = await self._next(max(0.05, min(job.limits.hang_after, left)))
                if line is None:
                    detail = f"The runner process ended unexpectedly ({self._how_it_ended()}). {self.tail()}"
                    yield Forked(end or self._end("crash", detail, None, time.monotonic() - began))
                    return
                kind, body = next(iter(line.items()))
                if kind == "started":
                    template = self.run_pid = body["pid"]
                elif kind == "free":
                    aim = following()
                    self._tell({"aim": journal.to_data(aim)} if aim is not None else {"stop": True})
                    began = time.monotonic()
                elif kind == "began":
                    self.run_pid, end, drawn, digest, began = body["pid"], None, None, "", time.monotonic()
                    self._deviations = {}
                elif kind == "drew":
                    drawn = drawn_of(body)
                elif kind == "digest":
                    digest = body
                elif kind == "chose":
                    self._deviations[body["step"]] = body["token"]
                elif kind == "waits":  # its turn at the replica is no work of its own
                    began = time.monotonic()
                elif kind == "end":
                    end = journal.from_data(End, body)
                elif kind == "fault":
                    end = self._end("crash", f"Interlock’s own engine failed; please report this.\n{body}", None, 0.0)
                elif kind == "left":
                    self.run_pid = template
                    gone = end or self._gone(body["status"], None, time.monotonic() - began)
                    yield Forked(gone, drawn if end else None, digest if end else "")
                    end, drawn, began = None, None, time.monotonic()
                elif kind == "exited":
                    self.run_pid = template = None
                    if end is not None:
                        yield Forked(end)
                    return
                over = time.monotonic() >= began + job.limits.seconds
                if end is None and (over or kind == "silence"):
                    end, drawn = await self._put_down(job, None, over), None
        finally:
            if template is not None:  # as in `play`
                _kill(template)
                self.run_pid = None
                self._process.kill()

    async def advance(self, token: Optional[str] = None) -> None:
        """Step mode: carry out this choice, or the default one."""
        self._tell({"advance": token or ""})

    async def stop(self) -> None:
        """Step mode: end the run at the step where it waits."""
        self._tell({"stop": True})

    async def interrupt(self) -> None:
        """End the run's process now, wherever it is."""
        self._ending = "stopped"
        if self.run_pid is not None:
            _kill(self.run_pid)

    async def close(self) -> None:
        """End the warm process and whatever it runs."""
        if self.run_pid is not None:
            _kill(self.run_pid)
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await self._reading
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()  # else its pipes are left to the garbage collector, which warns

    def tail(self) -> str:
        """The last lines that the processes wrote to their standard error."""
        return "\n".join(self._tail).strip()

    # Inside ---------------------------------------------------------------------

    def _tell(self, order: dict[str, Any]) -> bool:
        pipe = self._process.stdin
        if pipe is None or pipe.is_closing() or self._process.returncode is not None:
            return False
        pipe.write(json.dumps(order).encode() + b"\n")
        return True

    async def _next(self, patience: Optional[float]) -> Optional[dict[str, Any]]:
        """The next line, `SILENCE` if nothing comes for so many seconds, None at the end."""
        assert self._process.stdout is not None
        while not self._lines:  # those that are there cost no turn of the loop each
            try:
                data = await asyncio.wait_for(self._process.stdout.read(READ_LIMIT), patience)
            except asyncio.TimeoutError:
                return SILENCE
            if not data:
                return None
            *whole, self._part = (self._part + data).split(b"\n")
            self._lines.extend(whole)
            if len(self._part) > LINE_LIMIT:
                raise ValueError(f"The runner process wrote a line of more than {LINE_LIMIT} bytes.")
        found: dict[str, Any] = json.loads(self._lines.popleft())
        return found

    async def _read_tail(self) -> None:
        assert self._process.stderr is not None
        begun = ""  # a line whose end has not been read yet; it is kept as the last one meanwhile
        while data := await self._process.stderr.read(65536):
            if begun and self._tail:
                self._tail.pop()
            lines = (begun + data.decode(errors="replace")).splitlines()
            begun = "" if data.endswith(b"\n") else lines[-1][:500]
            self._tail.extend(line[:500] for line in lines)

    async def _put_down(self, job: Job, last: Optional[Step], over: bool) -> End:
        """The run gives no sign of life, or has used up its time: take its stack, end it."""
        stack = ""
        if self.run_pid is not None:
            self._tail.clear()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.run_pid, signal.SIGUSR1)
            deadline = time.monotonic() + STACK_PATIENCE
            whole = False  # it comes in pieces: take it when no more has come for a while
            while time.monotonic() < deadline and not whole:
                await asyncio.sleep(0.1)
                whole = bool(stack) and stack == self.tail()
                stack = self.tail()
            stack = _THREAD.sub("Thread", stack)
            _kill(self.run_pid)
        if over:
            detail = f"The run was ended after {job.limits.seconds:g} s of work, its bound.\n{stack}"
            return self._end("limit", detail, last, job.limits.seconds)
        detail = (
            f"The event loop stood still for {job.limits.hang_after:g} s.\nThe Python stack at that moment:\n{stack}"
        )
        return self._end("hang", detail, last, job.limits.hang_after)

    def _gone(self, status: int, last: Optional[Step], seconds: float) -> End:
        if self._ending is not None:
            return self._end(self._ending, "The run was ended by hand.", last, seconds)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return self._end(
                "crash", f"The run’s process died of {signal.Signals(number).name}.\n{self.tail()}", last, seconds
            )
        code = os.WEXITSTATUS(status)
        return self._end(
            "crash", f"The run’s process left with status {code} in mid-run.\n{self.tail()}", last, seconds
        )

    def _name_of_end(self) -> str:
        return self._ending or "crash"

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        if code is None:
            return "its pipe closed"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"

    def _end(self, name: str, detail: str, last: Optional[Step], seconds: float) -> End:
        """An end that the run could not tell itself, from the last picture there is."""
        frame = last.frame if last is not None else Frame(0.0)
        tasks = tuple(outcome.task_outcome(view) for view in frame.tasks)
        return End(
            outcome=name,
            signature=outcome.signature(name, tasks, ()),
            summary=outcome.summary(name, tasks, (), detail),
            schedule=str(Schedule(self._deviations)),
            steps=last.number if last is not None else -1,
            tasks=tasks,
            detail=detail.strip(),
            duration_ms=round(seconds * 1000, 3),
        )


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
