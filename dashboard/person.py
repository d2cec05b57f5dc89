"""Whoever sits at a browser."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A number of its own, and a name if they gave one."""

    id: str
    name: str
    viewer: bool
