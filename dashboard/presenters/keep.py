"""What stays the same from one address of a run's page to the next, so that an address is the whole state of a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Keep:
    view: str = ""  # one of `room.VIEWS`
    task: str = ""  # label of the task that is kept in sight
    conn: str = ""  # of the connection
    present: bool = False  # larger and calmer, for a shared screen

    @property
    def query(self) -> str:
        """As it follows the step in an address."""
        said = (("view", self.view), ("task", self.task), ("conn", self.conn), ("present", "1" if self.present else ""))
        return "".join(f"&{name}={value}" for name, value in said if value)
