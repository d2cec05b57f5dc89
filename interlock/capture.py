"""What the program says while it runs: its output, log records, warnings and unraisable exceptions, each as an event.

Nothing is configured on the program's behalf: logging is seen through the record factory, so its levels, handlers and
`basicConfig` work as ever.
"""

from __future__ import annotations

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


class Stream(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr; each finished line becomes an event."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, kind: str, say: Callable[[str, str], None]) -> None:
        self._kind = kind
        self._say = say
        self._part = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._part = (self._part + text).split("\n")
        for line in lines:
            self._say(self._kind, line)
        if len(self._part) > LINE_LIMIT:
            self.flush_part()
        return len(text)

    def flush_part(self) -> None:
        """Let go of a line that has not been ended."""
        part, self._part = self._part, ""
        if part:
            self._say(self._kind, part)


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
        self._streams = [Stream("stdout", self.say), Stream("stderr", self.say)]

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
        sys.stdout, sys.stderr = self._streams
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
        """Let go of unfinished lines."""
        for stream in self._streams:
            stream.flush_part()


def steady(record: logging.LogRecord, clock: float) -> None:
    """Take from a log record what differs from run to run: programs print it before each line."""
    record.created, record.msecs, record.relativeCreated = EPOCH + clock, clock % 1 * 1000 // 1, clock * 1000
    record.process = record.thread = 1
