"""A connection of the program under test: the program holds its transport, the gate holds its socket.

What the program writes rests in `outbox` until the gate lets it out; what the server answers rests in `inbox` until
the gate delivers it. Opening costs nothing and reaches nobody: only when the first bytes prove to be PostgreSQL's
start-up is a connection made, and it is made to the lab, whatever host the program named.
"""

from __future__ import annotations

import asyncio
import enum
import select
import socket
import time
from collections.abc import Callable
from typing import Any
from typing import Optional

from interlock import lab
from interlock import wire


class Phase(enum.Enum):
    """How far the connection to the lab is."""

    NEW = "new"  # the program has not yet sent what opens one
    STARTED = "started"
    CLOSED = "closed"


class ForeignConnection(ConnectionRefusedError):
    """The program tried to reach something that is not PostgreSQL; Interlock lets it reach only the lab."""


class ReplyTooLarge(Exception):
    """The server answers with more than a run may hold; the text says what to do."""


class Link(asyncio.Transport):
    """The transport that `create_connection` hands to a driver, and the gate's view of the same connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        label: str,
        tag: str,
        where: lab.Address,
        settings: dict[str, str],
        prefix: str,
        on_write: Callable[[Link], None],
        *,
        most: int,
        on_replica: bool = False,
    ) -> None:
        super().__init__({"peername": ("interlock", 5432)})
        self.label = label
        self.tag = tag
        self.on_replica = on_replica
        self.phase = Phase.NEW
        self.sock: Optional[socket.socket] = None
        self.pid: Optional[int] = None
        self.outbox: list[bytes] = []
        self.untaken = memoryview(b"")  # let out, but the server has no room for it before some replies are read
        self.inbox = bytearray()
        self.eof = False  # the server has closed its end
        self.blocked_by: tuple[str, ...] = ()
        self.queued = 0  # its place in the order in which requests came to wait for a lock
        self.request = wire.Request("", "")  # in flight, or the last one
        self.replies = wire.Replies()
        self.sent_by: Optional[str] = None  # label of the task that wrote last
        self.arrived = 0  # its place in the order in which whole replies came; 0: none waits to be delivered
        self.waiting = False  # a request is sent, and its reply is not whole yet
        self.cancels: Optional[int] = None  # if this is a cancel request: the pid of the backend that it is for
        self.listens = False  # it has sent a LISTEN
        self.notifies = False  # it has sent a NOTIFY that is not committed yet
        self.abandoned = False  # it waited for a lock when the program left it, and may do so still
        self.left_busy = False  # closed while the server still worked for it: the backend may live on
        self._loop = loop
        self._requests = wire.Requests()
        self._protocol: Any = None
        self._where = where
        self._settings = settings
        self._prefix = prefix  # of its prepared transactions
        self._on_write = on_write
        self._most = most  # bytes of a reply
        self._closing = False
        self._lost = False

    # The program's side: asyncio.Transport ---------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._closing or not data:
            return
        self.outbox.append(bytes(data))
        self._on_write(self)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(bytes(part) for part in list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise NotImplementedError("a PostgreSQL connection is not half-closed")

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, None)
            self._on_write(self)

    def abort(self) -> None:
        self.outbox.clear()
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def pause_reading(self) -> None:
        """A reply is delivered whole, by choice; there is nothing to pause."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: Optional[int] = None, low: Optional[int] = None) -> None:
        """What is written is held until everything stands still; no limit could be waited for."""

    def _lose(self, error: Optional[Exception]) -> None:
        if not self._lost:
            self._lost = True
            self._closing = True
            self._protocol.connection_lost(error)

    # The gate's side ---------------------------------------------------------------------

    @property
    def heard(self) -> bool:
        """Whether a reply waits to be delivered, to a loop that is not closed yet."""
        return bool(self.arrived) and not self._loop.is_closed()

    def let_out(self) -> None:
        """Hand what the program wrote to the server. Opens the connection if these are its first bytes.

        Raises `lab.LabError` if the lab refuses, `ForeignConnection` if this is not PostgreSQL.
        """
        data, self.outbox = b"".join(self.outbox), []
        if self.phase is Phase.NEW:
            data = self._open(data)
        if data and self.sock is not None:
            self.request, wanted = self._requests.feed(data)
            self.replies.expect(wanted)
            self.listens = self.listens or self.request.command == "LISTEN"
            self.notifies = self.notifies or "notify" in self.request.statement.lower()
            self.untaken = memoryview(bytes(self.untaken) + wire.named(data, self._prefix))
            self._send()
            # A Terminate is answered by the end of the stream.
            self.waiting = not self.eof and (not self.replies.complete or self.request.command == "terminate")

    def _open(self, data: bytes) -> bytes:
        code = wire.startup_code(data)
        if code in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
            # No TLS on the way to the lab: "S" and a start_tls that does nothing please a driver that insists on it,
            # and whoever only prefers it. Answered at once: nobody can see the difference to a slower start-up.
            self.inbox += b"S" if code == wire.SSL_REQUEST else b"N"
            self._loop.call_soon(self.deliver)
            return data[8:]
        if code == wire.CANCEL_REQUEST:
            self.request = wire.Request("", "cancel request")
            self.cancels = wire.cancelled_pid(data)
            self.sock = lab.open_socket(self._where)
            self.sock.sendall(data)
            self.phase = Phase.STARTED
            self.waiting = True
            return b""
        if code != wire.PROTOCOL_3:
            raise ForeignConnection(
                f"The program tried to reach {self.tag}, which does not speak PostgreSQL. "
                "Under Interlock a program reaches only the lab's PostgreSQL."
            )
        length = int.from_bytes(data[:4], "big")
        wanted = {
            k: v for k, v in wire.startup_parameters(data[:length]).items() if k not in ("user", "database", "options")
        }
        self.request = wire.Request("", "start-up")
        try:
            session = lab.connect(self._where, {**wanted, **self._settings})
        except lab.LabRefused as refused:  # too many clients, say: the program's own affair
            self.phase, self.eof = Phase.STARTED, True
            self.inbox += refused.response
            self.replies.feed(refused.response)
            return b""
        self.sock, self.pid, self.phase = session.sock, session.pid, Phase.STARTED
        self.sock.settimeout(None)
        self.replies.feed(session.greeting)
        self.inbox += wire.pack("R", b"\0\0\0\0") + session.greeting
        return data[length:]

    def _send(self) -> bool:
        """Send as much as the server takes now. True if that was anything, or if the connection has ended."""
        assert self.sock is not None
        taken = 0
        try:
            while taken < len(self.untaken):
                taken += self.sock.send(self.untaken[taken:], socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass  # it has no room for more
        except OSError:
            self.eof, self.waiting = True, False  # the program learns it when that is delivered
        self.untaken = self.untaken[taken:]
        return taken > 0 or self.eof

    def exchange(self, timeout: float) -> bool:
        """Receive what the server has sent, or else send more of what it had no room for. Waits up to `timeout` seconds
        until one of the two is possible. True if any bytes moved or the connection ended. Raises `ReplyTooLarge`.
        """
        if self.sock is None or self.eof or not wait_ready([self], timeout):
            return False
        try:
            data = self.sock.recv(262144, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return self._send()
        except OSError:
            data = b""
        if data:
            self.inbox += data
            if len(self.inbox) > self._most:
                raise ReplyTooLarge(
                    f"The reply to {self.request.command} on {self.label} has more than {self._most >> 20} MiB, and a "
                    "reply is held whole until it is let through. Have the program ask for fewer rows at a time."
                )
            if self.phase is Phase.STARTED and self.request.command != "cancel request":
                self.replies.feed(data)
                self.waiting = not self.replies.complete or self.request.command == "terminate"
        else:
            self.eof = True
            self.waiting = False
        return True

    def deliver(self) -> None:
        """Give the program what waits at the gate. Runs as a callback of the loop."""
        data, self.inbox, self.arrived = bytes(self.inbox), bytearray(), 0
        if self._lost:
            return
        if data:
            self._protocol.data_received(data)
        if self.eof and not self._lost:
            self._protocol.eof_received()
            self._lose(None)
            self.finish()

    def fail(self, error: Exception) -> None:
        """End the connection under the program's feet: it sees `error` as a lost connection."""
        self._loop.call_soon(self._lose, error)
        self.finish()

    def finish(self) -> None:
        """Close our end. Unless the server is busy, wait until it has noticed, so that its locks are surely gone."""
        sock, self.sock = self.sock, None
        self.abandoned = self.abandoned or bool(self.blocked_by)
        busy, self.waiting, self.phase, self.blocked_by = self.waiting, False, Phase.CLOSED, ()
        self.left_busy = busy
        if sock is None:
            return
        try:
            sock.shutdown(socket.SHUT_WR)
            if not busy and not self.eof:
                sock.settimeout(2.0)
                deadline = time.monotonic() + 2.0
                while sock.recv(65536) and time.monotonic() < deadline:
                    pass
        except OSError:
            pass  # it is closed already, or does not answer: either way there is nothing more to learn from it
        sock.close()


def wait_ready(links: list[Link], timeout: float) -> list[Link]:
    """Wait up to `timeout` seconds until some of these links can `exchange` without waiting; returns those that can."""
    poller = select.poll()
    by_fd = {}
    for link in links:
        if link.sock is not None and not link.eof:
            by_fd[link.sock.fileno()] = link
            poller.register(link.sock, select.POLLIN | (select.POLLOUT if link.untaken else 0))
    if not by_fd:
        return []
    return [by_fd[fd] for fd, _ in poller.poll(timeout * 1000)]
