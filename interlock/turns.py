"""Turns: those who wait for a lock go on one after the other when it is let go, in the order in which they came.

The end of a transaction wakes one of those who wait for its row, who wakes the next, and then both go for the new
version of the row; who wait for that wake all at once. Which of them gets it is up to the operating system: with three
in a queue, a replay on a busy machine was often another run. So while a request is let out, the backends of those who
wait are held still (SIGSTOP), asleep as they are, and each goes on when it is its turn.

That can be done where the server is on this machine, under the same account or under that of a mere mortal while we are
root. We know by the socket: its other end is the postmaster, and the backend is a child of that. Elsewhere it cannot be
done, and whoever asks for it tells so.

No backend stays stopped, whatever happens to this process: a guardian, which is told of each one before it is stopped,
lets them go when this process is gone.
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


class Turns:
    """Holds backends still, and lets them go."""

    def __init__(self) -> None:
        self._held: dict[int, Link] = {}
        self._can: dict[int, bool] = {}  # by process
        self._guardian: Optional[int] = None  # its pipe

    def hold(self, links: list[Link]) -> bool:
        """Hold these still, all of them or none; whether that could be done."""
        if not all(self._can_hold(link) for link in links):
            return False
        for link in links:
            assert link.pid is not None
            self._tell_guardian(link.pid)
            self._held[link.pid] = link
            os.kill(link.pid, signal.SIGSTOP)
        return True

    def let_go(self, link: Optional[Link] = None) -> None:
        """Let this one go on, or all."""
        for pid, held in list(self._held.items()):
            if link is None or held is link:
                with contextlib.suppress(ProcessLookupError):  # its death may be what was asked for
                    os.kill(pid, signal.SIGCONT)
                del self._held[pid]
                self._tell_guardian(-pid)

    def asleep(self, link: Link) -> bool:
        """Whether its backend has done what there was to do. True, too, where that cannot be seen."""
        if link.pid is None or not self._can_hold(link):
            return True
        try:
            return _stat(link.pid)[0] not in (b"R", b"D")
        except OSError:  # it has ended, which the connection will tell
            return False

    def _can_hold(self, link: Link) -> bool:
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
                if os.fork() == 0:
                    _guard(reading, ready)
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
    """The guardian's life: to hear who is stopped, and at the end of the pipe to let go whoever still is."""
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
