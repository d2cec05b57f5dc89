"""What the program says while it runs: its output, log records, warnings and unraisable exceptions, each as an event.

Nothing is configured on the program's behalf: logging is seen through the record factory, so its levels, handlers and
`basicConfig` work as ever.
"""

from __future__ import annotations

import codecs
import io
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any
from typing import Optional

from interlock.frame import Event

LINE_LIMIT = 2000
EPOCH = 946_684_800  # 2000-01-01: so nobody takes the times of log records for real ones


class Lines(io.RawIOBase):
    """Where a stream's bytes go: each finished line becomes an event. Its descriptor is the real one, for those who
    want no more than a number: what they write there joins the process's diagnostics.
    """

    def __init__(self, kind: str, descriptor: int, say: Callable[[str, str], None]) -> None:
        self.name = f"<{kind}>"
        self.mode = "wb"
        self._kind = kind
        self._descriptor = descriptor
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._part = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        given = bytes(memoryview(data))
        *lines, self._part = (self._part + self._decoder.decode(given)).split("\n")
        for line in lines:
            self._say(self._kind, line)
        if len(self._part) > LINE_LIMIT:
            self.flush_part()
        return len(given)

    def flush_part(self) -> None:
        """Report a line that has not been ended."""
        part, self._part = self._part, ""
        if part:
            self._say(self._kind, part)


def _stream(lines: Lines, errors: str) -> io.TextIOWrapper:
    """A stream as Python makes it, unbuffered as with `python -u`."""
    return io.TextIOWrapper(lines, encoding="utf-8", errors=errors, write_through=True)


class Capture:
    """Installs the listeners; bounded by `limit` bytes in all, what is beyond is counted in `dropped`."""

    def __init__(
        self,
        tell: Callable[[Event], None],
        who: Callable[[], Optional[str]],
        clean: Callable[[str], str],
        limit: int,
        clock: Optional[Callable[[], float]] = None,  # for the times of log records; else they are real
    ):
        self._clock = clock
        self._tell = tell
        self._who = who
        self._clean = clean
        self._left = limit
        self.dropped = 0
        self._lines = [Lines("stdout", 1, self.say), Lines("stderr", 2, self.say)]

    def say(self, kind: str, text: str) -> None:
        """Take note of a line."""
        size = len(text)
        if self._left <= 0:
            self.dropped += size
            return
        cut = text[: min(LINE_LIMIT, self._left)]
        self._left -= len(cut) + 1
        self.dropped += size - len(cut)
        self._tell(Event(kind, self._clean(cut), self._who()))

    def install(self) -> None:
        """Listen from now on, for the rest of the process."""
        out, err = self._lines
        sys.stdout = sys.__stdout__ = _stream(out, "strict")  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _stream(err, "backslashreplace")  # type: ignore[misc]
        make = logging.getLogRecordFactory()

        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            if self._clock is not None:
                steady(record, self._clock())
            try:
                text = record.getMessage()
            except (TypeError, ValueError, KeyError) as error:
                text = f"{record.msg} (its arguments do not fit: {error})"
            if record.exc_info and record.exc_info[1] is not None:
                text += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            self.say("log", f"{record.levelname} {record.name}: {text}")
            return record

        def show(message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
            self.say("warning", f"{category.__name__}: {message}")

        def unraisable(args: Any) -> None:
            what = args.err_msg or "Exception ignored in"
            self.say("unraisable", f"{what}: {type(args.exc_value).__name__}: {args.exc_value}")

        logging.setLogRecordFactory(factory)
        warnings.showwarning = show
        sys.unraisablehook = unraisable

    def flush(self) -> None:
        """Report what is unfinished, as Python does at its end. The program may have put streams of its own there."""
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None and not stream.closed:
                    stream.flush()
            except Exception as error:  # the program's own stream: Python tells of it and goes on
                self.say("unraisable", f"Exception ignored in {stream!r}: {type(error).__name__}: {error}")
        for lines in self._lines:
            lines.flush_part()


def steady(record: logging.LogRecord, clock: float) -> None:
    """Take from a log record what differs from run to run: programs print it before each line."""
    record.created, record.msecs, record.relativeCreated = EPOCH + clock, clock % 1 * 1000 // 1, clock * 1000
    record.process = record.thread = 1
