"""What can go wrong with the store, in words for the person in front of the page."""

from __future__ import annotations


class StoreDown(Exception):
    """The store cannot be reached; the message says why and what to do."""

    def __init__(self, why: object) -> None:
        reason = str(why).strip().splitlines()[0] if str(why).strip() else type(why).__name__
        super().__init__(
            f"The store (the PostgreSQL that keeps runs and their steps) cannot be reached: {reason}. "
            "Nothing that was shown is lost. If it is a server of yours, see that it runs and that INTERLOCK_STORE_URL "
            "is right; if it is the embedded one, start the dashboard again."
        )


class UnknownRun(LookupError):
    """There is no run of this number."""


class RunGone(Exception):
    """The run is no longer in this worker's hands: it has ended, or was given up as interrupted."""


class CommandRefused(Exception):
    """The command cannot be carried out; the message says why."""
