"""Exceptions as a person sees them: each with its text and its stack, and the chain in which one led to another."""

from __future__ import annotations

import traceback
import types
from collections.abc import Callable
from typing import Optional

from interlock.frame import ErrorView
from interlock.probe import ENGINE
from interlock.probe import MAX_STACK
from interlock.probe import Sources
from interlock.probe import function_name

MAX_CHAIN = 12  # exceptions
MESSAGE_LIMIT = 4000  # characters


def errors_of(
    error: BaseException, sources: Sources, clean: Callable[[str], str], began: Optional[types.CodeType] = None
) -> tuple[ErrorView, ...]:
    """An exception and its chain, as Python would print it but the last first. `began`: what its first call is in.

    Whoever awaits a task that has failed puts calls of its own before those that the exception came through, and may do
    so before we look.
    """
    views: list[ErrorView] = []
    seen: set[int] = set()
    current: Optional[BaseException] = error
    link = ""
    while current is not None and id(current) not in seen and len(views) < MAX_CHAIN:
        seen.add(id(current))
        if len(_members(current)) == 1:  # a group of one says nothing of its own: it is its member that was raised
            current = _members(current)[0]
            continue
        calls = [(frame.f_code, line) for frame, line in traceback.walk_tb(current.__traceback__)]
        first = next((at for at, (code, _) in enumerate(calls) if code is began), 0)
        stack = tuple(
            sources.place(code.co_filename, line, function_name(code))
            for code, line in calls[first:]
            if code.co_filename not in ENGINE
        )
        views.append(ErrorView(type_name(type(current)), clean(_text(current)), stack[-MAX_STACK:], link))
        members = _members(current)
        if members:
            current, link = members[0], "member"
        elif current.__cause__ is not None:
            current, link = current.__cause__, "cause"
        elif current.__suppress_context__ or _only_passes(current.__context__, current) or _around(current.__context__):
            current = None
        else:
            current, link = current.__context__, "context"
    return tuple(views)


def _members(error: Optional[BaseException]) -> tuple[BaseException, ...]:
    """Those of an exception group, () for other exceptions. Told by the attribute: Python 3.10 has no groups itself."""
    members = getattr(error, "exceptions", ())
    return members if isinstance(members, tuple) else ()


def _only_passes(context: Optional[BaseException], error: BaseException) -> bool:
    """Whether an exception did not begin with its context, but was there before and came along while that was handled.

    A web framework takes it out of a group and raises it again, or once AnyIO's stream to a handler has ended.
    """
    return error in _members(context) or (context is not None and type_name(type(context)) == "anyio.EndOfStream")


def _around(context: Optional[BaseException]) -> bool:
    """Whether an exception is being handled around the event loop, by who called `asyncio.run` in an `except`.

    Python makes it the context of whatever is raised meanwhile, in any task. No task met it: who caught it is still on
    the stack beneath the loop, where no frame of a task is.
    """
    raised = context.__traceback__ if context is not None else None
    return raised is not None and any(frame is raised.tb_frame for frame, _ in traceback.walk_stack(None))


def type_name(cls: type) -> str:
    """A class as tracebacks write it: builtins bare, others with their module."""
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:MESSAGE_LIMIT]
    except Exception as problem:  # a program's own __str__ may raise anything; that is worth telling, not dying of
        return f"(its text cannot be shown: {type(problem).__name__})"
