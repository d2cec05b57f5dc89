"""The process that runs belong to: warms an interpreter up, then forks a fresh process for every run it is handed.

Talks in lines of JSON: jobs and commands come in on descriptor 0, messages go out on descriptor 1. The warm process
only imports and forks, so it cannot be hung or spoiled by a program; the forked one plays a single run and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import linecache
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from interlock import delta
from interlock import journal
from interlock import orders
from interlock.course import STOP
from interlock.frame import End
from interlock.frame import Message
from interlock.job import Job
from interlock.orders import Aim
from interlock.orders import Drawn
from interlock.play import Play
from interlock.versions import libraries

PRELOAD = (
    "asyncio",
    "greenlet",
    "asyncpg",
    "sqlalchemy",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql",
)
WEB = ("starlette.middleware.base", "starlette.responses", "fastapi", "anyio._backends._asyncio")
"""What web applications need besides. It is imported once the first of them is to be run; none of it is a must."""
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Lines:
    """Reads lines from a descriptor, one read at a time, and never a byte more than it must hand on."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""

    def next(self) -> str:
        """The next line, or "" at the end of the stream."""
        while b"\n" not in self._rest:
            data = os.read(self._fd, 65536)
            if not data:
                return ""
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()


def write_all(fd: int, line: str) -> None:
    """Write a line whole."""
    data = memoryview(line.encode() + b"\n")
    while data:
        data = data[os.write(fd, data) :]


def die_with_parent() -> None:
    """Have the kernel end us when our parent ends (Linux); elsewhere the end of descriptor 0 must do."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Serve jobs until descriptor 0 ends."""
    die_with_parent()
    commands, out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)  # what C code or a subprocess prints joins the diagnostics
    preload()
    write_all(out, json.dumps({"ready": True}))
    gc.disable()
    gc.freeze()  # what is there now is shared with every run; looking through it would copy it
    lines = Lines(commands)
    while line := lines.next():
        order = json.loads(line)
        if "job" not in order:
            continue  # a command for a run that has just ended
        job = journal.from_data(Job, order["job"])
        if job.requests:
            preload(WEB)
        pid = os.fork()
        if pid == 0:
            play(job, lines, out)
        write_all(out, json.dumps({"started": {"pid": pid}}))
        _, status = os.waitpid(pid, 0)
        write_all(out, json.dumps({"exited": {"status": status}}))


def preload(names: Sequence[str] = PRELOAD) -> None:
    """Import what every run needs, as far as it is installed, so that a fork has it."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    libraries()
    read = {name.partition(".")[0] for name in names}  # tasks wait in their functions, and pictures quote the lines
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name.partition(".")[0] in read and file.endswith(".py"):
            linecache.getlines(file)
    if "ssl" in sys.modules:  # asyncpg makes a context for each connection; the first one sets the library up
        ssl = sys.modules["ssl"]
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Pipes:
    """The `play.Channel` of one run."""

    def __init__(self, job: Job, lines: Lines, out: int) -> None:
        self._lines = lines
        self._out = out
        self._writer = delta.Writer()
        self._digest = journal.Digest() if job.many and job.pictures else None

    def send(self, message: Message) -> None:
        if self._digest is not None:  # nobody looks at the pictures of many runs, so long as they are always the same
            self._digest.add(message)
            if not isinstance(message, End):
                return
            self.tell("digest", str(self._digest))
        write_all(self._out, self._writer.dump(message))

    def ask(self) -> str:
        self.tell("asking", True)
        line = self._lines.next()
        self.tell("answered", True)  # from here on silence means that it hangs
        order: dict[str, Any] = json.loads(line) if line else {"stop": True}
        return STOP if order.get("stop") else str(order.get("advance") or "")

    def beat(self, text: str) -> None:
        self.tell("beat", text)

    def wait(self, text: str) -> None:
        self.tell("waits", text)

    def chose(self, step: int, token: str) -> None:
        self.tell("chose", {"step": step, "token": token})

    def fork(self, before: Callable[[bool], None]) -> Aim:
        status = 0
        while True:
            self.tell("free", True)
            order = json.loads(self._lines.next() or "{}")
            if "aim" not in order:
                os._exit(0)
            before(status != 0)
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, 0)
                die_with_parent()
                self.tell("began", {"pid": os.getpid()})
                return journal.from_data(Aim, order["aim"])
            _, status = os.waitpid(pid, 0)
            self.tell("left", {"status": status})

    def drew(self, drawn: Drawn) -> None:
        self.tell("drew", orders.to_data(drawn))

    def leave(self) -> NoReturn:
        os._exit(0)

    def tell(self, kind: str, body: Any) -> None:
        """Write one message."""
        write_all(self._out, json.dumps({kind: body}))


def play(job: Job, lines: Lines, out: int) -> NoReturn:
    """Play one run in this forked process, and end it."""
    os.setpgid(0, 0)
    die_with_parent()
    faulthandler.enable(all_threads=True)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    limit = job.limits.memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipes, status = Pipes(job, lines, out), 0
    try:
        Play(job, pipes).run()
    except BaseException:  # a fault of the engine itself: tell it, never pass it over
        pipes.tell("fault", traceback.format_exc())
        status = 70
    os._exit(status)
