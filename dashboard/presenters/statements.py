"""The statements of a run as SQL to take away: in the order in which they went out, each under its connection.

A journal has each on one line, the long ones cut, and none of their parameters: the text says so where it matters, for
somebody may run it.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

from dashboard.presenters import words
from dashboard.presenters.outcome import command
from dashboard.presenters.words import Names
from dashboard.store.records import RunRecord
from interlock.frame import Event
from interlock.frame import Step

HEAD = """\
-- Each connection is one psql of its own. Values of parameters are not recorded: put them where $1, $2, ... stand.
-- Where a statement waited for a lock, so will psql: go on with the other connection."""
CUT = "…"  # what a statement ends with that was longer than what is recorded


def sql(run: RunRecord, steps: Iterable[Step]) -> str:
    """All statements that were carried out. What was only prepared is not among them, nor what is no SQL."""
    return "\n".join([*_head(run), HEAD, *_body(steps)]) + "\n"


def _head(run: RunRecord) -> Iterator[str]:
    title = f": {run.title}" if run.title else ""
    yield _comment(f"Interlock run {run.id}, {run.incident}/{run.program} on {run.stack}{title}")
    schedule = None if run.mode == "natural" else run.end.schedule if run.end else run.schedule
    yield _comment(f"again: {command(run.incident, run.program, run.stack, schedule)}")


def _body(steps: Iterable[Step]) -> Iterator[str]:
    on = None
    for step in steps:
        names = Names.of(step.frame)
        for event in step.events:
            if event.kind == "closed":
                yield _comment(f"step {step.number}: {_called(event, names)} was closed")
            if event.kind != "sent" or not event.text[:1].isupper():
                continue  # in lower case stands what is no statement, and what was only prepared
            if event.connection != on:
                yield ""
                on = event.connection
            who = f", “{names.task(event.task)}”" if event.task else ""
            yield _comment(f"step {step.number}, {_called(event, names)}{who}")
            yield from _statement(event)


def _called(event: Event, names: Names) -> str:
    label, shown = event.connection, names.connection(event.connection)
    return f"{label}" if shown == label else f"{label}, server process {shown}"


def _statement(event: Event) -> Iterator[str]:
    statement = words.visible(event.text.partition(f" on {event.connection}: ")[2])
    if statement.endswith(CUT):
        yield _comment(f"only its beginning is recorded: {statement}")
        return
    if "--" in statement:
        yield _comment("its line breaks are not recorded: what follows a -- in it may have been more than a comment")
    yield f"{statement};"


def _comment(text: str) -> str:
    return "-- " + words.visible(" ".join(text.split()))
