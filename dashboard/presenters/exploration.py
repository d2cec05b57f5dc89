"""Explorations: what was tried, and what that says; never more than it says."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.findings.inevitable import Found
from dashboard.findings.tally import BOUND
from dashboard.findings.tally import FAILING
from dashboard.findings.tally import Tally
from dashboard.findings.why.turn import Turn
from dashboard.presenters import words
from dashboard.presenters.polling import CALM
from dashboard.presenters.polling import Poll
from dashboard.presenters.words import Mark
from dashboard.store.records import ExplorationRow
from dashboard.store.records import RunRow

ORDERS = 400  # that are tried if nobody says how many,
SECONDS = 120  # and for how long at most


@dataclass(frozen=True)
class EndLine:
    """A way to end, and its shortest schedule."""

    mark: Mark
    count: int
    of: int
    summary: str
    schedule: str


@dataclass(frozen=True)
class RuleLine:
    name: str
    broken: int
    judged: int


@dataclass(frozen=True)
class ExplorationPage:
    """An exploration with what it has found so far."""

    id: int
    url: str
    title: str
    incident: str
    incident_title: str
    program: str
    stack: str
    run_id: int | None
    mark: Mark
    busy: bool
    actor: str
    asked: str  # what was asked for, and the bound
    took: str
    progress: str
    error: str
    claim: str  # the main thing that it says
    more: tuple[str, ...]  # what else has to be said with it
    step: int | None  # of the run, to go to
    way_out: int | None  # the run that was made of it
    way_schedule: str
    ends: tuple[EndLine, ...]
    others: int
    rules: tuple[RuleLine, ...]
    known: bool  # its program is here
    drives: bool
    rev: int
    poll: Poll | None
    orders: int = ORDERS
    seconds: int = SECONDS


@dataclass(frozen=True)
class Inevitable:
    """What a run's page says of the search for the step where its failure became inevitable."""

    url: str  # of the search; empty: there was none
    busy: bool
    text: str
    more: tuple[str, ...]
    way_out: int | None
    again: bool  # somebody may search (again)


def page(row: ExplorationRow, *, incident_title: str, known: bool, drives: bool) -> ExplorationPage:
    found, tally = row.found, row.tally
    if row.run_id is None:
        claim, more = of_tally(tally, row) if tally else ("", ())
    else:
        claim, more = of_found(found, row) if found else ("", ())
    noun = "order" if row.run_id is None else "continuation"
    what = f"{row.program} on {row.stack}" if row.run_id is None else f"run {row.run_id}"
    return ExplorationPage(
        id=row.id,
        url=url(row),
        title=f"{'Orders of' if row.run_id is None else 'Where it became inevitable:'} {what}",
        incident=row.incident,
        incident_title=incident_title,
        program=row.program,
        stack=row.stack,
        run_id=row.run_id,
        mark=words.EXPLORATION_STATES.get(row.status) or words.unknown(row.status),
        busy=not row.over,
        actor=row.actor,
        asked=f"{words.count(row.orders, noun)}, {row.seconds} s at most",
        took=words.seconds((row.ended - row.started).total_seconds()) if row.started and row.ended else "",
        progress="" if row.over else row.progress,
        error=row.error or "",
        claim=claim,
        more=more,
        step=found.step if found is not None and found.known and row.over else None,
        way_out=row.way_out,
        way_schedule=found.ways_out[0].schedule if found is not None and found.ways_out else "",
        ends=_ends(tally) if tally else (),
        others=tally.others if tally else 0,
        rules=tuple(RuleLine(one.name, one.broken, one.judged) for one in tally.rules) if tally else (),
        known=known,
        drives=drives,
        rev=row.rev,
        poll=None if row.over else Poll(f"{url(row)}/live?rev={row.rev}", CALM),
    )


def url(row: ExplorationRow) -> str:
    """Of a run's continuations it lies under the run, so that whoever may see the run may see it."""
    return f"/explorations/{row.id}" if row.run_id is None else f"/runs/{row.run_id}/explorations/{row.id}"


def in_short(row: ExplorationRow) -> str:
    """What was found of a program's orders, in a few words."""
    tally = row.tally
    if tally is None or not tally.tried:
        return (words.EXPLORATION_STATES.get(row.status) or words.unknown(row.status)).word
    if tally.every:
        return f"{_failing(tally) or 'none'} of all {tally.distinct} fail"
    return f"{tally.failed or 'none'} of {tally.tried:,} failed"


def of_tally(tally: Tally, row: ExplorationRow) -> tuple[str, tuple[str, ...]]:
    """What the orders of a program say: the claim, and what has to be said with it."""
    more = []
    if tally.every:
        claim = f"It fails in {_failing(tally) or 'none'} of all its {words.count(tally.distinct, 'order')}."
        more.append(f"Every order there is was tried, but for {BOUND}.")
    elif not tally.tried:
        return "No order was tried yet." if not row.over else "No order was tried.", ()
    else:
        claim = f"It failed in {tally.failed or 'none'} of {words.count(tally.tried, 'order')} tried."
        more.append(f"They followed {words.count(tally.distinct, 'different schedule')}.")
        if row.over and tally.tried < row.orders:
            more.append(f"{row.orders:,} orders were asked for: {_cut_short(row)}")
        if not tally.failed:
            more.append("This is no proof that no order fails: there are others that were not tried.")
    if tally.void:
        more.append(f"In {tally.void} the program could not be run to its own end, which says nothing of it.")
    if bounded := tally.ended("limit"):
        more.append(f"{bounded} reached a bound before they ended: they did not end well either.")
    if tally.doubt:
        more.append(f"An order may end in another way another time: {tally.doubt}.")
    return claim, tuple(more)


def of_found(found: Found, row: ExplorationRow) -> tuple[str, tuple[str, ...]]:
    """What the continuations of a run say."""
    if not found.known:
        claim = "Nothing is known yet." if not row.over else "It was cut short before anything could be said."
        return claim, _said_with(found, row)
    if found.every:
        claim = f"{_after(found.step)} there are {words.count(found.schedules, 'continuation')}, and all fail."
    elif found.failed:
        every = f"every one of {words.count(found.failed, 'continuation')} tried fails"
        claim = f"{_after(found.step)} {every} ({found.schedules} different)."
    else:
        claim = f"The choice of step {found.step} decided it: nothing else could happen after it."
    return claim, _said_with(found, row)


def _said_with(found: Found, row: ExplorationRow) -> tuple[str, ...]:
    more = []
    if found.every:
        more.append(f"That is every continuation there is, but for {BOUND}.")
    if found.last_out >= 0:
        more.append(
            f"{_after(found.last_out)} there was a way out: {found.away} of {found.drawn} continuations drawn got away."
        )
    elif found.known and found.step > 0:
        more.append("No way out was found before it either, so it may have been inevitable earlier.")
    if found.known and found.last_out < found.step - 1:
        between = f"Nothing is known of the steps between: {_cut_short(row)}"
        more.append(between if row.over else "It is not narrowed down yet.")
    elif row.over and not found.settled and not row.error:
        more.append(f"Fewer were tried than were asked for: {_cut_short(row)}")
    if found.alike < found.failed:
        more.append(f"{found.alike} of them ended as the run did, the others failed in another way.")
    if found.void:
        more.append(f"{found.void} came to no end of their own, which says nothing, and are not counted.")
    if found.doubt:
        more.append(f"A continuation may end in another way another time: {found.doubt}.")
    return tuple(more)


def _after(step: int) -> str:
    return "From the start" if step == 0 else f"After step {step}"


def _cut_short(row: ExplorationRow) -> str:
    if row.status == "ended":
        return f"its time was up ({row.seconds} s)."
    return {"cancelled": "somebody ended it.", "interrupted": "its worker went away."}.get(row.status, "it failed.")


def _ends(tally: Tally) -> tuple[EndLine, ...]:
    return tuple(
        EndLine(
            mark=words.OUTCOMES.get(one.outcome) or words.unknown(one.outcome),
            count=one.distinct if tally.every else one.count,
            of=tally.distinct if tally.every else tally.tried,
            summary=words.driver_first(one.summary),
            schedule=one.schedule,
        )
        for one in tally.groups
    )


def _failing(tally: Tally) -> int:
    """Different orders that failed."""
    return sum(one.distinct for one in tally.groups if one.outcome in FAILING)


def best(rows: Iterable[ExplorationRow]) -> ExplorationRow | None:
    """Of the searches of a run the one that knows most: a way out that one of them found is there for all."""
    found = ((row.found, row) for row in rows if row.over)
    known = [(one.last_out, one.failed, row.id, row) for one, row in found if one is not None and one.known]
    return max(known)[-1] if known else None


def disproved(row: ExplorationRow, family: Sequence[RunRow]) -> RunRow | None:
    """A branch of the run that left it behind the step that was found, and ended well all the same."""
    assert row.found
    step = row.found.step
    ways = (one for one in family if one.parent == row.run_id and one.outcome == "ok")
    return next((one for one in ways if one.branch is not None and one.branch >= step), None)


def turn_of(rows: Sequence[ExplorationRow], family: Sequence[RunRow], last: int, otherwise: Turn | None) -> Turn | None:
    """Where the run took its turn, as a search has found it; else as its own steps show it."""
    row = best(rows)
    if row is None or row.found is None or disproved(row, family):
        return otherwise
    claim, more = of_found(row.found, row)
    return Turn(min(row.found.step, last), "inevitable", " ".join((claim, *more)).rstrip("."))


def inevitable(rows: Sequence[ExplorationRow], family: Sequence[RunRow], *, may: bool) -> Inevitable | None:
    """For the run's page; None: there was no search, and none can be made."""
    busy = next((row for row in rows if not row.over), None)
    row = busy or best(rows) or next(iter(rows), None)
    if row is None:
        return Inevitable("", False, "", (), None, True) if may else None
    if busy:
        return Inevitable(url(busy), True, busy.progress or "It waits for a worker.", (), None, False)
    if row.found is None or not row.found.known:
        return Inevitable(
            url(row), False, row.error or "The search was cut short before anything could be said.", (), None, may
        )
    claim, more = of_found(row.found, row)
    if out := disproved(row, family):
        more = (f"It was said before that run: {claim}",)
        claim = (
            f"Run {out.id} left it after step {out.branch} and ended well: where it became inevitable is open again."
        )
    return Inevitable(url(row), False, claim, more, row.way_out, may)
