"""Versions of what takes part in a run."""

from __future__ import annotations

import contextlib
import functools
import sys
from importlib import metadata


def versions(server: str) -> dict[str, str]:
    """Of all of it; `server` is what the server says of itself."""
    return {**libraries(), "postgresql": server.split()[0] if server else ""}


@functools.cache
def libraries() -> dict[str, str]:
    """Of the interpreter and of what it has of interest. Slow, so looked up once, before runs are forked."""
    found = {"python": sys.version.split()[0]}
    for name in ("sqlalchemy", "asyncpg", "greenlet", "fastapi"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
