"""What people read: pure functions from what happened, or may happen, to plain words."""

from __future__ import annotations

import re

from interlock.frame import Event
from interlock.link import Link
from interlock.loop import Timer


def reply(link: Link) -> str:
    """What delivering this reply does, in plain words."""
    if link.eof and not link.request.command.startswith("cancel"):
        return f"let the program notice that {_gone(link)}"
    if link.request.command == "start-up":
        return (
            f"let connection {link.label} be ready" if not link.replies.error else f"let the server refuse {link.label}"
        )
    if link.replies.error:
        return f"deliver the error to {link.request.command} on {link.label}: {link.replies.error}"
    return f"deliver the reply to {link.request.command} on {link.label}{_besides(link)}"


def delivered(link: Link) -> str:
    """The same once it has happened."""
    command = link.request.command
    if link.eof and not command.startswith("cancel"):
        return f"the program was told that {_gone(link)}"
    if command == "start-up":
        return f"connection {link.label} is ready" if not link.replies.error else f"the server refused {link.label}"
    if link.replies.error:
        return f"the error to {command} on {link.label} was delivered: {link.replies.error}"
    return f"the reply to {command or 'the server’s message'} on {link.label} was delivered{_besides(link)}"


def _besides(link: Link) -> str:
    """What the reply says that nobody would think, and that is no error: a COMMIT that was a rollback (of a transaction
    that had failed), and a statement that found nothing to write.
    """
    command, tags = link.request.command, link.replies.tags
    if command in ("COMMIT", "PREPARE TRANSACTION") and tags == ["ROLLBACK"]:
        return ": ROLLBACK"
    writes = command in ("INSERT", "UPDATE", "DELETE") and tags
    return ": 0 rows" if writes and all(tag.endswith(" 0") for tag in tags) else ""


def _gone(link: Link) -> str:
    asked = link.request.command == "terminate"
    return f"{link.label} {'is closed, as it had asked' if asked else 'was closed by the server'}"


def behind(transactions: int) -> str:
    """How far the replica is behind."""
    return f"{transactions} transaction{'s' if transactions > 1 else ''}"


def timer(pending: Timer) -> str:
    """What a timer is for, as far as its callback tells."""
    name = pending.callback
    if "_set_result_unless_cancelled" in name:
        return "a sleep ends"
    if "timeout" in name.lower() or "_release_waiter" in name:
        return "a timeout fires"
    if name.endswith("_on_entry_expired"):
        return "a cached statement of the driver expires"
    return f"{name.rsplit('.', 1)[-1]} is called"


_INSIDES = re.compile(r"<((?:Task|Future) \w+) (?:[^<>]|<[^<>]*>)*>")


def in_short(message: str) -> str:
    """What an error says without the insides of tasks and futures, which would be most of it.

    >>> in_short("Task <Task pending coro=<work() running at a.py:1>> got Future <Future pending> of another loop")
    'Task <Task pending …> got Future <Future pending> of another loop'
    """
    return _INSIDES.sub(r"<\1 …>", message)


def first_line(message: str) -> str:
    """The same as the last line of a traceback has it."""
    return in_short(message.strip().partition("\n")[0])


_WRAPPED = re.compile(r"(?:\w+\.)*(\w+): \(sqlalchemy\.dialects\.[\w.]+\) (?:<class '(?:\w+\.)*(\w+)'>: )?")


def driver_first(text: str) -> str:
    """A text with an error of the driver as SQLAlchemy wraps it: what the driver said leads, what it came as follows.

    >>> wrapping = "sqlalchemy.exc.DBAPIError: (sqlalchemy.dialects.postgresql.asyncpg.Error) "
    >>> driver_first(f"{wrapping}<class 'asyncpg.exceptions.DeadlockDetectedError'>: deadlock detected")
    'DeadlockDetectedError (as DBAPIError): deadlock detected'
    >>> driver_first(f"{wrapping}deadlock detected")
    'DBAPIError: deadlock detected'
    """
    return _WRAPPED.sub(_unwrapped, text)


def _unwrapped(found: re.Match[str]) -> str:
    wrapper, cause = found.groups()
    return f"{cause} (as {wrapper}): " if cause and cause != wrapper else f"{wrapper}: "


def seconds(span: float) -> str:
    """A span of time for people."""
    return f"{span * 1000:.3g} ms" if span < 0.1 else f"{span:.3g} s"


def caption(number: int, events: list[Event], woke: tuple[str, ...], names: dict[str, str]) -> str:
    """One sentence for a step: what the world did, and who ran then."""
    came = [event.text for event in events if event.kind in ("reply", "request", "timer", "replica", "fault")]
    happened = "; ".join(came[:3]) or "the program went on"
    if number == 0:
        happened = "the program began"
    if not woke:
        return f"{happened}; no task moved"
    shown = ", ".join(f"“{names[label]}”" for label in woke[:4])
    more = f" and {len(woke) - 4} more" if len(woke) > 4 else ""
    return f"{happened}; {shown}{more} ran"
