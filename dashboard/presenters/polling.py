"""How a fragment asks for its next version: from where, and how often."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Poll:
    """A fragment that asks for its next version: from where, and how often. There is none once nothing can change."""

    url: str
    every: str

    @property
    def trigger(self) -> str:
        return f"every {self.every}"

    @property
    def words(self) -> str:
        """The same for people.

        >>> Poll("/activity/live", SLOW).words
        'every 2 s'
        """
        return re.sub(r"(\d+)(m?s)", r"every \1 \2", self.every)


FAST = "350ms"  # something moves by itself
CALM = "1s"  # it waits for a person
SLOW = "2s"  # something is worked out
A_FEW = 40  # watchers who may all ask as often as something moves


def moving(watchers: int) -> str:
    """How often a page asks for what moves by itself. Of a hundred people each asks less often, once a second at least.

    >>> moving(0), moving(100), moving(1000)
    ('350ms', '875ms', '1000ms')
    """
    return f"{min(1000, 350 * max(watchers, A_FEW) // A_FEW)}ms"
