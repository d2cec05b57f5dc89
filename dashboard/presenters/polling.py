"""How a fragment asks for its next version: from where, and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Poll:
    """A fragment that asks for its next version: from where, and how often. There is none once nothing can change."""

    url: str
    every: str

    @property
    def trigger(self) -> str:
        return f"every {self.every}"


FAST = "350ms"  # something moves by itself
CALM = "1s"  # it waits for a person
SLOW = "2s"  # something is worked out
