"""What the pages say when something cannot be done: what happened, why, and what to do about it.

Views raise a `PageError`; the application turns it into a page, a fragment or JSON, whichever was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PageError(Exception):
    """A request that cannot be answered as asked."""

    status: int
    what: str
    why: str = ""
    todo: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.todo) if part)


def no_run(run_id: int) -> PageError:
    return PageError(
        404,
        f"There is no run {run_id}.",
        "It was never made, or it has been deleted.",
        "See the list of runs.",
    )


def no_step(run_id: int, number: int, last: int) -> PageError:
    have = f"Its steps go from 0 to {last}." if last >= 0 else "It has no steps yet."
    return PageError(404, f"Run {run_id} has no step {number}.", have, "Open the run without a step.")


def no_note(note_id: int) -> PageError:
    return PageError(
        404, f"There is no note {note_id} on this run.", "Its run may have been deleted.", "Reload the run."
    )


def not_installed(stack: str, *, busy: bool) -> PageError:
    return PageError(
        409,
        f"The stack {stack} is not installed.",
        "Its installation is under way." if busy else "A run needs its interpreter and libraries on this machine.",
        f"Open Stacks (/stacks#{stack}); when it is ready, run again.",
    )


def no_proof(run_id: int, why: str) -> PageError:
    return PageError(
        503,
        f"Why run {run_id} ended so could not be worked out.",
        f"The process that reads a long run for this failed: {why}.",
        "Try again; if it comes again, see the dashboard’s log. The run itself is whole, and so is its journal.",
    )


def store_down() -> PageError:
    return PageError(
        503,
        "The store does not answer.",
        "Interlock keeps runs and steps in a PostgreSQL database, and could not reach it just now.",
        "Nothing is lost. If the dashboard started the database itself, restart it with “make run”; "
        "if INTERLOCK_STORE_URL names a server of yours, see whether that server is up.",
    )


def updated() -> PageError:
    return PageError(
        500,
        "Interlock was updated while it ran.",
        "What runs is the program as it was started, and its files on disk are others by now: the two do not fit.",
        "Start it again. Runs are safe in the store; those under way are shown as interrupted, with all their steps.",
    )


STANDARD = {
    400: PageError(400, "This request cannot be read.", "Something is missing or malformed.", "Go back and try again."),
    403: PageError(403, "This is not allowed.", "", "Open the address that was printed when Interlock started."),
    404: PageError(
        404,
        "There is no such page.",
        "The address may be mistyped, or what it showed has been deleted.",
        "Start from the home page, or look for the run in the list of runs.",
    ),
    405: PageError(
        405,
        "This address does not take that method.",
        "It was opened as a page, or posted to, and expects the other.",
        "Use the buttons of the pages.",
    ),
    413: PageError(
        413, "This request is too large.", "Interlock reads forms of up to 256 kB.", "Shorten what was pasted."
    ),
    500: PageError(
        500,
        "Interlock made a mistake.",
        "An error nobody had foreseen; its traceback is in the dashboard's log.",
        "Runs are safe in the store. Reload the page; if it comes again, please report the traceback.",
    ),
}


def standard(status: int) -> PageError:
    """What to say for a bare HTTP status."""
    found = STANDARD.get(status) or STANDARD[400 if status < 500 else 500]
    return PageError(status, found.what, found.why, found.todo)
