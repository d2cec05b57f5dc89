"""The warm process of an interpreter, as its parent sees it: started, told, listened to, and ended.

What runs in it is `child`. Both talk in lines of JSON: orders go in by its standard input, messages come out by its
standard output; its standard error holds what programs and libraries wrote past everything else.
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
from pathlib import Path
from typing import Any
from typing import Optional

import interlock

START_TIMEOUT = 60.0  # seconds
STACK_PATIENCE = 1.0  # seconds in which a process that stands still writes its stack
SILENCE = {"silence": True}  # in place of a message that did not come in time
LINE_LIMIT = 64 * 1024 * 1024  # bytes
READ_LIMIT = 1024 * 1024  # bytes at a time
TAIL_LINES = 400
_THREAD = re.compile(r"[Tt]hread 0x[0-9a-f]+")  # its number is another one in each process

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


class RunnerError(Exception):
    """The stack's interpreter could not be started, or its warm process is gone; the text says why."""


class WarmProcess:
    """A process that has imported a stack, and forks one process for each run."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: deque[bytes] = deque()  # that have been read and not been handed out
        self._part = b""  # of the line after them
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)  # of its standard error
        self._reading = asyncio.ensure_future(self._read_tail())

    @classmethod
    async def start(cls, python: str) -> WarmProcess:
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
        started = cls(process)
        try:
            ready = await started.receive(START_TIMEOUT)
        except BaseException:  # whoever wanted it was cancelled
            await started.close()
            raise
        if ready is None or "ready" not in ready:
            await started.close()
            raise RunnerError(f"The interpreter {python} did not come up. It said: {started.tail() or 'nothing'}")
        return started

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._process.returncode is None

    def send(self, order: dict[str, Any]) -> bool:
        """Send it an order. Returns False if it is gone."""
        pipe = self._process.stdin
        if pipe is None or pipe.is_closing() or not self.alive:
            return False
        pipe.write(json.dumps(order).encode() + b"\n")
        return True

    async def receive(self, patience: Optional[float]) -> Optional[dict[str, Any]]:
        """The next message; `SILENCE` if none comes for so many seconds, None once the process is gone."""
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

    def tail(self) -> str:
        """The last lines that it and its runs wrote to their standard error since `forget_tail`."""
        return "\n".join(self._tail).strip()

    def forget_tail(self) -> None:
        """What was written so far belongs to an earlier run."""
        self._tail.clear()

    async def stack_of(self, pid: int) -> str:
        """The Python stack of a run's process, from the faulthandler that `child.play` has set up in it."""
        self._tail.clear()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)
        stack = ""
        deadline = time.monotonic() + STACK_PATIENCE
        whole = False  # it comes in pieces: take it when no more has come for a while
        while time.monotonic() < deadline and not whole:
            await asyncio.sleep(0.1)
            whole = bool(stack) and stack == self.tail()
            stack = self.tail()
        return _THREAD.sub("Thread", stack)

    def how_it_ended(self) -> str:
        """What ended the process, in words."""
        code = self._process.returncode
        if code is None:
            return "its pipe closed"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End it, and let go of its pipes."""
        if self.alive:
            self.kill()
        await self._process.wait()
        await self._reading
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()  # else its pipes are left to the garbage collector, which warns

    async def _read_tail(self) -> None:
        assert self._process.stderr is not None
        begun = ""  # a line whose end has not been read yet; it is kept as the last one meanwhile
        while data := await self._process.stderr.read(65536):
            if begun and self._tail:
                self._tail.pop()
            lines = (begun + data.decode(errors="replace")).splitlines()
            begun = "" if data.endswith(b"\n") else lines[-1][:500]
            self._tail.extend(line[:500] for line in lines)


def kill_group(pid: int) -> None:
    """End a run's process and what it has started, if they are still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
