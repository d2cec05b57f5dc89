"""The freezer: stops backends for a while (SIGSTOP), so that those who wait for a lock go on one after the other.

The end of a transaction wakes one of those who wait for its row, who wakes the next, and then both compete for the new
version of the row; those who wait for that wake all at once. Which of them gets it is up to the operating system: with
three in a queue, a replay on a busy machine was often another run. So while a request is let out, the backends of those
who wait are frozen, asleep as they are, and thawed one by one in the order in which they came.

That can be done where the server is on this machine, under the same account or, if we are root, under that of an
ordinary user. We know by the socket: its other end is the postmaster, and the backend is a child of that. Elsewhere it
cannot be done, and the caller reports that (`Freezer.freeze` returns False).

No backend stays frozen, whatever happens to this process: a guardian process is told of each backend before it is
stopped, and has them all go on when this process is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
import warnings
from typing import Optional

from interlock.link import Link

_CREDENTIALS = "3i"  # of a peer: its process, user, group


class Freezer:
    """Stops backends and has them go on. One for each run."""

    def __init__(self) -> None:
        self._frozen: dict[int, Link] = {}  # by process
        self._can: dict[int, bool] = {}  # whether it can be frozen, by process
        self._guardian: Optional[int] = None  # the pipe to it

    def freeze(self, links: list[Link]) -> bool:
        """Stop the backends of these, all of them or none. Returns whether that could be done."""
        if not all(self._can_freeze(link) for link in links):
            return False
        for link in links:
            assert link.pid is not None
            self._tell_guardian(link.pid)
            self._frozen[link.pid] = link
            os.kill(link.pid, signal.SIGSTOP)
        return True

    def thaw(self, link: Optional[Link] = None) -> None:
        """Have the backend of this link go on; without a link, all of them."""
        for pid, frozen in list(self._frozen.items()):
            if link is None or frozen is link:
                with contextlib.suppress(ProcessLookupError):  # its death may be what was asked for
                    os.kill(pid, signal.SIGCONT)
                del self._frozen[pid]
                self._tell_guardian(-pid)

    def asleep(self, link: Link) -> bool:
        """Whether its backend sleeps, with nothing more to do by itself. True, too, where that cannot be seen."""
        if link.pid is None or not self._can_freeze(link):
            return True
        try:
            return _stat(link.pid)[0] not in (b"R", b"D")
        except OSError:  # it has ended, which the connection will tell
            return False

    def _can_freeze(self, link: Link) -> bool:
        if link.pid is None or link.sock is None:
            return False
        if link.pid not in self._can:
            self._can[link.pid] = _is_ours(link.pid, link.sock)
        return self._can[link.pid]

    def _tell_guardian(self, pid: int) -> None:
        if self._guardian is None:
            reading, self._guardian = os.pipe()
            hearing, ready = os.pipe()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the program may have threads; this has none
                child = os.fork()
                if child == 0:
                    if os.fork() == 0:  # no child of this process: whoever looks for those finds the program's
                        _guard(reading, ready)
                    os._exit(0)
            os.waitpid(child, 0)
            os.close(reading)
            os.close(ready)
            os.read(hearing, 1)  # until it is out of our group: whoever kills that now would take it along
            os.close(hearing)
        os.write(self._guardian, struct.pack("i", pid))


def _is_ours(pid: int, sock: socket.socket) -> bool:
    """Whether this process is the server's end of the socket, and one that we may signal."""
    if sys.platform != "linux" or sock.family != socket.AF_UNIX:
        return False
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
    postmaster, _, _ = struct.unpack(_CREDENTIALS, credentials)
    try:
        parent = int(_stat(pid)[1])
        os.kill(pid, 0)
    except OSError:
        return False
    return bool(postmaster) and parent == postmaster


def _stat(pid: int) -> list[bytes]:
    """What Linux tells of a process: its state first, then its parent."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def _guard(reading: int, ready: int) -> None:
    """What the guardian does: note who is stopped, and when the pipe ends have whoever still is go on."""
    os.setsid()  # else it would be ended with the run
    os.write(ready, b".")
    os.dup2(reading, 0)
    os.closerange(1, os.sysconf("SC_OPEN_MAX"))
    stopped = set()
    while data := os.read(0, 4):
        (pid,) = struct.unpack("i", data)
        stopped.add(pid) if pid > 0 else stopped.discard(-pid)
    for pid in stopped:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)
    os._exit(0)
