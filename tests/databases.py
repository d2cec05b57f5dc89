"""A store of a test's own: a fresh database on the session's server."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.parse import urlunsplit

import psycopg


@contextlib.contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """A database beside the one that `url` names, gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"create database {name}")  # type: ignore[call-overload]
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            server.execute(f"drop database {name} with (force)")  # type: ignore[call-overload]
