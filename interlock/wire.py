"""PostgreSQL's protocol, as far as one must read it to know what was asked and when the answer is whole.

Two pure state machines, fed with bytes: `Requests` for what a client sends, `Replies` for what the server sends
back. A reply is whole when each message that wants an answer has had it: a Query or Sync at ReadyForQuery; after a
Flush, each of Parse, Bind, Describe, Execute, Close at its own last message, or all of them at an ErrorResponse,
since the server then skips what follows up to the next Sync. Source: PostgreSQL documentation, chapter
"Frontend/Backend Protocol".
"""

from __future__ import annotations

import re
import struct
from collections import deque
from dataclasses import dataclass
from typing import Optional

PROTOCOL_3 = 196608
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104

TRANSACTION_WORDS = {"I": "idle", "T": "open", "E": "failed"}

# Which backend messages end the answer to which frontend message.
_ANSWERS = {
    "P": frozenset("1"),
    "B": frozenset("2"),
    "C": frozenset("3"),
    "D": frozenset("Tn"),
    "E": frozenset("CIs"),
    "Q": frozenset("Z"),
    "S": frozenset("Z"),
}
COPY_ENDS = "c"  # CopyDone or CopyFail: wants nothing itself, but the server has the word again
_UNASKED = frozenset("NSA")  # NoticeResponse, ParameterStatus, NotificationResponse: may come at any time
# The name of a prepared transaction, where a statement gives one: one list for the whole server.
_GID = re.compile(rb"((?:\A|;)\s*(?:prepare\s+transaction|(?:commit|rollback)\s+prepared)\s+e?')", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*(?:\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Message:
    """One protocol message: its type byte as text ("" for start-up packets) and its body."""

    type: str
    body: bytes


@dataclass(frozen=True)
class Request:
    """What a stretch of bytes from the client asks for, in words."""

    statement: str  # the SQL it is about, white space folded; "" if none
    command: str  # for a narrow cell: "SELECT", "prepare SELECT", "start-up", "terminate"


def split(buffer: bytearray) -> list[Message]:
    """Take the complete messages off the front of a buffer of typed messages."""
    messages = []
    at = 0
    while len(buffer) - at >= 5:
        (length,) = struct.unpack_from("!i", buffer, at + 1)
        if length < 4:
            raise ValueError(f"not the PostgreSQL protocol: a message of length {length}")
        if len(buffer) - at < 1 + length:
            break
        messages.append(Message(chr(buffer[at]), bytes(buffer[at + 5 : at + 1 + length])))
        at += 1 + length
    del buffer[:at]
    return messages


def pack(type_: str, body: bytes) -> bytes:
    """A message on the wire; the empty type makes a start-up packet."""
    return type_.encode() + struct.pack("!i", len(body) + 4) + body


def startup(parameters: dict[str, str]) -> bytes:
    """A StartupMessage of protocol 3.0."""
    body = struct.pack("!i", PROTOCOL_3)
    for name, value in parameters.items():
        body += name.encode() + b"\0" + value.encode() + b"\0"
    return pack("", body + b"\0")


def startup_code(packet: bytes) -> Optional[int]:
    """The code that says what kind of start-up packet this is, or None while it is too short to tell."""
    return struct.unpack_from("!i", packet, 4)[0] if len(packet) >= 8 else None


def cancelled_pid(packet: bytes) -> Optional[int]:
    """The backend that a CancelRequest is for, or None while it is too short to tell."""
    return int(struct.unpack_from("!i", packet, 8)[0]) if len(packet) >= 12 else None


def startup_parameters(packet: bytes) -> dict[str, str]:
    """The name-value pairs of a StartupMessage."""
    parts = packet[8:].split(b"\0")
    return {
        name.decode(errors="replace"): value.decode(errors="replace")
        for name, value in zip(parts[0::2], parts[1::2])
        if name
    }


def fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their one-letter codes (C: SQLSTATE, M: message, ...)."""
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def command_word(statement: str) -> str:
    """The word a statement begins with, in capitals; ROLLBACK TO, COMMIT PREPARED and the like keep their second."""
    words = _COMMENT.sub(" ", statement).replace(";", " ").replace("(", " ").split(None, 3)
    if not words:
        return "(empty)"
    first = words[0].upper()
    second = words[1].upper() if len(words) > 1 else ""
    if (first, second) in {
        ("ROLLBACK", "TO"),
        ("COMMIT", "PREPARED"),
        ("ROLLBACK", "PREPARED"),
        ("PREPARE", "TRANSACTION"),
    }:
        return f"{first} {second}"
    return first[:20]


def fold(statement: str, limit: int = 400) -> str:
    """A statement on one line, cut."""
    text = " ".join(statement.split()).rstrip(";")
    return text if len(text) <= limit else text[:limit] + "…"


def named(data: bytes, prefix: str) -> bytes:
    """What a client sends, with the prefix before each name of a prepared transaction in it."""
    if b"prepare" not in data.lower():
        return data
    rest = bytearray(data)
    out = b""
    for message in split(rest):
        body = message.body
        if message.type in "QP":
            at = 0 if message.type == "Q" else body.index(b"\0") + 1  # a Parse names its statement first
            body = body[:at] + _GID.sub(rb"\g<1>" + prefix.encode(), body[at:])
        out += pack(message.type, body)
    return out + bytes(rest)


class Requests:
    """Reads what a client sends after its start-up: keeps the names of prepared statements, says what each request
    is.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._prepared: dict[str, str] = {}
        self._portals: dict[str, str] = {}

    def feed(self, data: bytes) -> tuple[Request, list[str]]:
        """Returns the request these bytes make, and the types of the messages among them that want an answer."""
        self._buffer += data
        statement = ""
        executes = terminates = copies = False
        wanted: list[str] = []
        for message in split(self._buffer):
            body = message.body
            if message.type in _ANSWERS:
                wanted.append(message.type)
            if message.type == "Q":
                statement = body.rstrip(b"\0").decode(errors="replace")
                executes = True
            elif message.type == "P":
                name, statement = _strings(body, 2)
                self._prepared[name] = statement
            elif message.type == "B":
                portal, name = _strings(body, 2)
                statement = self._portals[portal] = self._prepared.get(name, statement)
            elif message.type == "D":
                names = self._prepared if body[:1] == b"S" else self._portals
                statement = names.get(_strings(body[1:], 1)[0], statement)
            elif message.type == "E":
                statement = self._portals.get(_strings(body, 1)[0], statement)
                executes = True
            elif message.type == "C" and body[:1] == b"S":
                self._prepared.pop(_strings(body[1:], 1)[0], None)
            elif message.type == "X":
                terminates = True
            elif message.type in "dcf":
                copies = True
                if message.type != "d":
                    wanted.append(COPY_ENDS)
        if terminates:
            return Request(statement="", command="terminate"), wanted
        if not statement:
            words = "copy data" if copies else "close statement" if "C" in wanted else "sync"
            return Request(statement="", command=words), wanted
        word = command_word(statement)
        return Request(fold(statement), word if executes else f"prepare {word}"), wanted


class Replies:
    """Reads what the server sends and knows what is still owed to the client."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._owed: deque[str] = deque()
        self.transaction = ""  # idle | open | failed, from the last ReadyForQuery
        self.error: Optional[str] = None  # message of the last ErrorResponse of the current reply
        self.tags: list[str] = []  # command tags of the current reply
        self._copying_in = False
        self._copied_ahead = False  # the end of COPY data was sent before the server has asked for any
        self.notified: list[int] = []  # whose notifications have come; whoever looks empties it

    def expect(self, wanted: list[str]) -> None:
        """The client has asked for these (types of frontend messages, as `Requests.feed` names them)."""
        if COPY_ENDS in wanted:
            self._copied_ahead, self._copying_in = not self._copying_in, False
        asked = [kind for kind in wanted if kind != COPY_ENDS]
        if asked:
            self.error, self.tags = None, []
        self._owed.extend(asked)

    @property
    def complete(self) -> bool:
        """Whether nothing is owed: the reply is whole, or it is the client's turn to send COPY data."""
        return not self._owed or self._copying_in

    @property
    def in_transaction(self) -> bool:
        return self.transaction in ("open", "failed")

    def feed(self, data: bytes) -> None:
        """Take in bytes from the server."""
        self._buffer += data
        for message in split(self._buffer):
            kind = message.type
            if kind == "E":
                self.error = fields(message.body).get("M", "error")
                while self._owed and self._owed[0] not in "QS":
                    self._owed.popleft()
            elif kind == "G":
                self._copying_in, self._copied_ahead = not self._copied_ahead, False
            elif kind == "Z":
                self.transaction = TRANSACTION_WORDS.get(message.body.decode(), "")
                self._copying_in = self._copied_ahead = False
                while self._owed and self._owed.popleft() not in "QS":
                    pass
            elif kind not in _UNASKED and self._owed and self._owed[0] != "Q" and kind in _ANSWERS[self._owed[0]]:
                self._owed.popleft()
            if kind == "A":
                self.notified.append(struct.unpack_from("!i", message.body)[0])
            if kind == "C":
                self.tags.append(message.body.rstrip(b"\0").decode(errors="replace"))


def _strings(body: bytes, count: int) -> list[str]:
    parts = body.split(b"\0", count)[:count]
    return [part.decode(errors="replace") for part in parts] + [""] * (count - len(parts))
