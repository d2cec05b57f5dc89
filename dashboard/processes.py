"""Child processes that do not outlive us, and those that nearly did."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(sign: signal.Signals) -> Callable[[], None]:
    """A preexec_fn: the kernel sends the child `sign` when we end, however that happens (on Linux).

    Strictly: when the *thread* that starts the child ends, so start it from one that lives as long as it should.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, int(sign))
            if os.getppid() != parent:  # it ended before we could ask
                os._exit(1)

    return ask_the_kernel


def working_in(data: Path) -> list[int]:
    """The processes of the server of a data folder: each of them makes it its working directory."""
    if sys.platform != "linux":  # then the master's own note has to do
        try:
            pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return []
        return [pid]
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            # What is another user's, or has just ended, cannot be read and is not what we look for.
            with suppress(OSError):
                if os.readlink(process / "cwd") == str(data):  # noqa: PTH115 - ten times as fast as Path.readlink
                    found.append(int(process.name))
    return found


def kill(pid: int, sign: signal.Signals) -> None:
    """Send a signal to a process that may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
