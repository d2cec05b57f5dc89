"""Who began a task or a session, did something to one, and who cancelled a task: told from the stack at that moment."""

from __future__ import annotations

import asyncio
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

Spot = tuple[str, int, str]
"""File, line and function of a call, as Python has them."""

_STANDARD = str(Path(os.__file__).parent) + os.sep
_ASYNCIO = str(Path(asyncio.__file__).parent) + os.sep
_ENGINE = str(Path(__file__).parent) + os.sep
_LIBRARIES = os.sep + "site-packages" + os.sep
_SERVE = (f"{_ENGINE}script.py", "serve")  # an application has no asyncio.run() of its own
_LOOP = (f"{_ASYNCIO}events.py", "_run")  # the event loop calls what it was asked to: whoever asked is not on the stack

_CANCELLERS = (  # by the file and the function that call `cancel`: the first that fits
    (f"{_ASYNCIO}runners.py", "", "asyncio.run(), which cancels what is left once its main task is over"),
    (f"{_ASYNCIO}taskgroups.py", "", "a TaskGroup, which cancels all that is in it when something of it fails"),
    (f"{_ASYNCIO}timeouts.py", "", "a timeout, whose time was over"),
    (f"{_ASYNCIO}tasks.py", "_cancel_and_wait", "wait_for(), which had awaited it"),
    (f"{_ASYNCIO}events.py", "", "a callback of the event loop"),
    (_ASYNCIO, "", "asyncio"),
    (f"{_LIBRARIES}anyio{os.sep}", "", "a cancel scope of AnyIO"),
)


def spot() -> Optional[Spot]:
    """The innermost call on the stack that is neither a library's nor Python's own, within what the loop runs now."""
    for frame in _stack(sys._getframe(1)):
        name = frame.f_code.co_filename
        if not (name.startswith(("<", _STANDARD, _ENGINE)) or _LIBRARIES in name):
            return name, frame.f_lineno, getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    return None


def canceller() -> tuple[str, Optional[Spot]]:
    """Who called the `cancel` that calls this: in words, or the line of the program."""
    stack = list(_stack(sys._getframe(1)))
    if any((one.f_code.co_filename, one.f_code.co_name) == _SERVE for one in stack):
        return "the server, which cancels what is left when it stops", None
    frame = next((one for one in stack if not one.f_code.co_filename.startswith(_ENGINE)), None)
    name, function = (frame.f_code.co_filename, frame.f_code.co_name) if frame is not None else ("", "")
    for path, called, words in _CANCELLERS:
        if path in name and called in ("", function):
            return words, None
    if _LIBRARIES in name:
        return name.rsplit(_LIBRARIES, 1)[1].partition(os.sep)[0], None
    return "", spot()


def _stack(frame: Optional[types.FrameType]) -> Iterator[types.FrameType]:
    """From a frame outwards, as far as what the loop runs now; at the end of a greenlet, on in the one around it."""
    greenlets = sys.modules.get("greenlet")  # SQLAlchemy runs a session's calls in one
    greenlet = greenlets.getcurrent() if greenlets is not None else None
    while frame is not None:
        yield frame
        code = frame.f_code
        if (code.co_filename, code.co_name) == _LOOP:
            return
        frame = frame.f_back
        if frame is None and greenlet is not None and greenlet.parent is not None:
            greenlet = greenlet.parent
            frame = greenlet.gr_frame
