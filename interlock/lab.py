"""The lab server, as the engine itself reaches it: opening a connection, authenticating, asking a plain question.

The engine opens every connection of the program under test on its behalf (`connect`), so the program's own host,
user and password are never used; and it keeps one connection of its own (`Lab`) to ask what no client can know: who
waits for whose lock, what pg_stat_activity shows. Blocking sockets, since both happen while the program stands
still.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import select
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Optional
from urllib.parse import parse_qs
from urllib.parse import unquote
from urllib.parse import urlsplit

from interlock import wire

CONNECT_TIMEOUT = 10.0
QUICK = {"jit": "off", "plan_cache_mode": "force_generic_plan"}  # for questions that are asked again and again

_opening = False


def is_opening() -> bool:
    """Whether the engine itself is just making a connection; every other socket of a run is refused."""
    return _opening


class LabError(Exception):
    """The lab server cannot be used."""


class LabRefused(LabError):
    """The lab server answered a start-up with an error; `response` is its ErrorResponse as it came."""

    def __init__(self, text: str, response: bytes) -> None:
        super().__init__(text)
        self.response = response


@dataclass(frozen=True)
class Address:
    """Where the lab is and who we are there."""

    host: str  # a name, an address, or the folder of a unix socket
    port: int
    user: str
    password: str
    database: str
    sslmode: str = "prefer"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True)
class Session:
    """An opened connection: its socket, its key data, and what the server said before it was ready."""

    sock: socket.socket
    pid: int
    key: bytes
    parameters: dict[str, str]
    greeting: bytes  # ParameterStatus..., BackendKeyData, ReadyForQuery as they came


def address(url: str) -> Address:
    """Read a URL as libpq does: postgresql://user:password@host:port/database, or ?host=/folder/of/socket&port=5432."""
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgres"):
        raise LabError(f"The lab's address must begin with postgresql://, not with {parts.scheme or 'nothing'!r}.")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    user = unquote(parts.username or query.get("user") or "postgres")
    return Address(
        host=query.get("host") or unquote(parts.hostname or "") or "/tmp",
        port=int(query.get("port") or parts.port or 5432),
        user=user,
        password=unquote(parts.password or query.get("password") or ""),
        database=unquote(parts.path.lstrip("/")) or query.get("dbname") or user,
        sslmode=query.get("sslmode", "prefer"),
    )


def open_socket(where: Address) -> socket.socket:
    """A plain connection to the server, before any protocol. Raises `LabError`."""
    global _opening
    _opening = True
    try:
        if where.host.startswith("/"):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(CONNECT_TIMEOUT)
            sock.connect(os.path.join(where.host, f".s.PGSQL.{where.port}"))
            return sock
        sock = socket.create_connection((where.host, where.port), timeout=CONNECT_TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise LabError(f"The lab server does not answer at {where}: {error}. Is it running?") from error
    finally:
        _opening = False
    if where.sslmode in ("require", "verify-ca", "verify-full"):
        sock.sendall(struct.pack("!ii", 8, wire.SSL_REQUEST))
        if sock.recv(1) != b"S":
            raise LabError(f"The lab server at {where} does not speak TLS, but its URL says sslmode={where.sslmode}.")
        context = ssl.create_default_context()
        if where.sslmode == "require":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        elif where.sslmode == "verify-ca":
            context.check_hostname = False
        return context.wrap_socket(sock, server_hostname=where.host)
    return sock


def connect(where: Address, parameters: dict[str, str]) -> Session:
    """Open a connection and authenticate as ourselves. `parameters` are settings for the StartupMessage.

    Raises `LabError` with the server's own words where it refuses.
    """
    sock = open_socket(where)
    try:
        return _start(sock, where, parameters)
    except BaseException:
        sock.close()
        raise


def _start(sock: socket.socket, where: Address, parameters: dict[str, str]) -> Session:
    sock.sendall(wire.startup({**parameters, "user": where.user, "database": where.database}))
    buffer = bytearray()
    greeting = b""
    pid, key = 0, b""
    settings: dict[str, str] = {}
    scram: Optional[_Scram] = None
    while True:
        for message in wire.split(buffer):
            body = message.body
            if message.type == "E":
                said = wire.fields(body)
                text = f"The lab server refused a connection: {said.get('M')} (SQLSTATE {said.get('C')})."
                raise LabRefused(text, wire.pack("E", body))
            if message.type == "R":
                (code,) = struct.unpack_from("!i", body)
                if code == 3:
                    sock.sendall(wire.pack("p", where.password.encode() + b"\0"))
                elif code == 5:
                    sock.sendall(wire.pack("p", _md5(where, body[4:8]) + b"\0"))
                elif code == 10:
                    scram = _Scram(where.password)
                    first = scram.first()
                    sock.sendall(wire.pack("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
                elif code == 11 and scram is not None:
                    sock.sendall(wire.pack("p", scram.final(body[4:])))
                elif code == 12 and scram is not None:
                    scram.verify(body[4:])
                elif code != 0:
                    raise LabError(
                        f"The lab server asks for an authentication (code {code}) that Interlock does not speak."
                    )
                continue
            greeting += wire.pack(message.type, body)
            if message.type == "K":
                (pid,), key = struct.unpack_from("!i", body), body[4:]
            elif message.type == "S":
                name, value = body.split(b"\0")[:2]
                settings[name.decode()] = value.decode()
            elif message.type == "Z":
                return Session(sock, pid, key, settings, greeting)
        data = sock.recv(65536)
        if not data:
            raise LabError(f"The lab server at {where} closed the connection while it was opened.")
        buffer += data


def _md5(where: Address, salt: bytes) -> bytes:
    inner = hashlib.md5((where.password + where.user).encode()).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt).hexdigest().encode()


class _Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = base64.b64encode(os.urandom(18)).decode()
        self._bare = f"n=,r={self._nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        return b"n,," + self._bare.encode()

    def final(self, challenge: bytes) -> bytes:
        said = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not said["r"].startswith(self._nonce):
            raise LabError("The lab server's SCRAM answer does not belong to our question.")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(said["s"]), int(said["i"]))
        without_proof = f"c=biws,r={said['r']}"
        text = ",".join([self._bare, challenge.decode(), without_proof]).encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), text)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), text)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, final: bytes) -> None:
        said = dict(part.split("=", 1) for part in final.decode().split(","))
        if not hmac.compare_digest(base64.b64decode(said.get("v", "")), self._server_signature):
            raise LabError("The lab server could not prove that it knows the password.")


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


Row = tuple[Optional[str], ...]


class Lab:
    """One connection for the engine's own questions. Texts in, rows of texts out; one at a time."""

    def __init__(self, where: Address, name: str, settings: Optional[dict[str, str]] = None) -> None:
        self._session = connect(where, {"application_name": name, "client_min_messages": "warning", **(settings or {})})
        self.pid = self._session.pid
        self.columns: tuple[str, ...] = ()  # what those of the last answer are called
        self.server_version = self._session.parameters.get("server_version", "")
        self.is_superuser = self._session.parameters.get("is_superuser") == "on"

    def query(self, sql: str) -> list[Row]:
        """Run one or more statements (the simple query protocol); rows of the last that returned any.

        Raises `LabError` with the server's message.
        """
        self.ask(sql)
        return self.answer()

    def ask(self, sql: str) -> None:
        """The first half of `query`: the server sets to work while the caller does something else."""
        try:
            self._session.sock.settimeout(60.0)
            self._session.sock.sendall(wire.pack("Q", sql.encode() + b"\0"))
        except OSError as problem:
            raise LabError(f"The lab server does not answer any more: {problem}") from problem

    def answers_within(self, seconds: float) -> bool:
        """Whether the server begins to answer before so many seconds have passed."""
        poller = select.poll()
        poller.register(self._session.sock, select.POLLIN)
        return bool(poller.poll(seconds * 1000))

    def answer(self) -> list[Row]:
        """The second half of `query`."""
        rows: list[Row] = []
        buffer = bytearray()
        error: Optional[dict[str, str]] = None
        try:
            while True:
                for message in wire.split(buffer):
                    if message.type == "T":
                        rows, self.columns = [], _columns(message.body)
                    elif message.type == "D":
                        rows.append(_row(message.body))
                    elif message.type == "E":
                        error = wire.fields(message.body)
                    elif message.type == "Z":
                        if error is not None:
                            raise LabError(f"{error.get('M')} (SQLSTATE {error.get('C')})")
                        return rows
                data = self._session.sock.recv(262144)
                if not data:
                    raise LabError("The lab server went away" + (f": {error.get('M')}" if error else "."))
                buffer += data
        except OSError as problem:
            raise LabError(f"The lab server does not answer any more: {problem}") from problem

    def close(self) -> None:
        """End the connection; the server notices at once."""
        with contextlib.suppress(OSError):  # it may be gone already, which is what we want
            self._session.sock.sendall(wire.pack("X", b""))
        self._session.sock.close()


def _columns(body: bytes) -> tuple[str, ...]:
    """The names in a RowDescription: each is followed by 18 bytes about its type."""
    names, at = [], 2
    while at < len(body):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode(errors="replace"))
        at = end + 19
    return tuple(names)


def _row(body: bytes) -> Row:
    (count,) = struct.unpack_from("!h", body)
    at = 2
    row: list[Optional[str]] = []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        if length < 0:
            row.append(None)
        else:
            row.append(body[at : at + length].decode(errors="replace"))
            at += length
    return tuple(row)


def literal(text: Optional[str]) -> str:
    """A string as SQL, safe under any setting of standard_conforming_strings."""
    if text is None:
        return "NULL"
    quoted = text.replace("\0", "").replace("\\", "\\\\").replace("'", "''")
    return f" E'{quoted}'" if "\\" in quoted else f"'{quoted}'"


def search_path(schema: str) -> str:
    """Where a run looks names up: its schema comes first, so what stands there hides what the catalogue has."""
    return f"{identifier(schema)}, pg_catalog"


def gid_prefix(schema: str) -> str:
    """What the names of a run's prepared transactions begin with: the server keeps them in one list for all."""
    return f"{schema}:"


def identifier(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'
