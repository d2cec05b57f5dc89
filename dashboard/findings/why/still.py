"""Runs in which nothing moves any more: what everyone waits for, or where the loop stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import MOST
from dashboard.findings.why.clause import ONE_ENGINE
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import sending
from dashboard.findings.why.failure import chosen
from dashboard.findings.why.history import Fact
from dashboard.findings.why.history import History
from interlock import schedule
from interlock.frame import ConnectionView
from interlock.frame import End
from interlock.frame import Place

NO_AWAIT = (
    "Something there waits, or works for long, and gives no control back. Await the asyncio version of that call, or "
    "move it out of the loop's thread with `asyncio.to_thread()`."
)
BLOCKS = (
    (
        r"in _exec_w_sync_on_first_run\b",
        "SQLAlchemy’s lock around the engine’s first connection",
        "Go to SQLAlchemy 1.4.51, to 2.0.25, or later. Until then let one task open the engine's first connection "
        "before others use it, at the start and after every `dispose()`.",
    ),
)
"""What is known to stand still, by the stack: what it waits for, and what to do about it."""
LOCKS = re.compile(r"^(insert|update|delete|lock|alter|drop|truncate) on |for update|pg_(try_)?advisory_", re.I)
ADVISORY = re.compile(r"pg_(try_)?advisory_lock", re.I)  # until it is given up, or the connection is closed


def waits(history: History) -> list[Clause]:
    """What each task that is left waits for, the innermost first: parents wait for their children."""
    last = history.last
    clauses = []
    held = [one for one in last.frame.connections if one.checked_out and one.owner]
    for step, waiter, holders in history.blocks:
        one = next((one for one in last.frame.connections if one.id == waiter), None)
        if one is not None and one.blocked_by == holders:
            taken = {one.id: f" (taken by {history.name(one.owner)})" for one in held}
            behind = listed([one + taken.get(one, "") for one in holders])  # who has the lock, or asked for it before
            text = f"{waiter} began to wait for a lock, behind {behind}"
            pooled = [one.id for one in last.frame.connections if one.id in holders and not one.checked_out]
            text += f"; in the end nobody uses {listed(pooled)}" if pooled else ""
            clauses += [clause for label in holders[:EACH] for clause in _holding(history, label, step)]
            gist = _circle(history, one, [each for each in last.frame.connections if each.id in holders])
            remedy = _untie(history, one, [each for each in last.frame.connections if each.id in holders])
            clauses.append(Clause("blocked", step, text, (), (), (waiter, *holders), gist=gist, remedy=remedy))
    waiting = [task for task in last.frame.tasks if task.state == "waiting"]
    for task in sorted(waiting, key=lambda one: one.waits.startswith("the tasks"))[: MOST - 2]:
        since = history.spot(task.id, last.number)
        text = f"{history.name(task.id)} waits for {task.waits or 'something unknown'}"
        if "connection of the pool" in task.waits and held:
            text += "; out of the pool are " + listed(
                [f"{one.id} (taken by {history.name(one.owner)})" for one in held[:EACH]]
            )
        clauses.append(
            Clause("waits", since.since if since else last.number, text, (task.id,), task.sessions, (), task.place)
        )
    return clauses


def _circle(history: History, waiter: ConnectionView, holders: list[ConnectionView]) -> str:
    """Who waits for a lock of whom, and what that one waits for itself."""
    asker = waiter.sent_by or waiter.owner
    who = f"{history.name(asker)} waits for a lock"
    owners = [one.owner for one in holders if one.checked_out]
    if not asker or not owners or owners[0] is None:
        return f"{who} of {listed([one.id for one in holders])}, which lies in the pool" if asker and holders else ""
    if owners[0] == asker:
        return f"{who} that it holds itself, on connection {holders[0].id}"
    held = f"{who} that {history.name(owners[0])} holds"
    spot = history.spot(owners[0], history.last.number)
    return f"{held}, and {history.name(owners[0])} waits for {spot.waits}" if spot and spot.waits else held


def _untie(history: History, waiter: ConnectionView, holders: list[ConnectionView]) -> str:
    """What to do so that nobody has to wait for that lock."""
    asker = waiter.sent_by or waiter.owner
    owner = next((one.owner for one in holders if one.checked_out), None)
    if not asker or not holders:
        return ""
    if owner is None:
        lent = listed([one.id for one in holders])
        return (
            f"Give up the lock before {lent} goes back to the pool, or take one that ends with the transaction "
            "(`pg_advisory_xact_lock()`)."
        )
    if owner == asker and waiter.session and waiter.session in [one.session for one in holders]:
        return ONE_ENGINE
    if owner == asker:
        return f"Let {history.name(asker)} do both on one connection: in one session, or after a commit of the first."
    spot = history.spot(owner, history.last.number)
    if spot is None or not spot.waits:
        return f"Let {history.name(owner)} commit or roll back as soon as it is done with the database."
    return (
        f"Let {history.name(owner)} end its transaction before it waits for {spot.waits}. A `lock_timeout` makes an "
        "error of such a wait, which somebody sees."
    )


def _holding(history: History, label: str, step: int) -> list[Clause]:
    """What a connection was sent last that may have taken the lock, and who gave it back to the pool with it, if so."""
    sent = [one for one in history.told("sent", connection=label) if one.step <= step]
    sent = [one for one in sent if command(one) not in ("BEGIN", "COMMIT", "ROLLBACK")]
    kept = last(one for one in sent if ADVISORY.search(one.event.text) and not command(one).startswith("prepare"))
    back = last(one for one in history.told("checkin", connection=label) if kept and kept.before(one))
    if kept is not None and back is not None:
        text = f"{history.name(back.event.task)} gave {label} back to the pool with its lock"
        giver = (back.event.task,) if back.event.task else ()
        return [
            sending(history, kept, "whose lock outlasts the transaction"),
            Clause("returned", back.step, text, giver, (), (label,)),
        ]
    took = last(one for one in sent if LOCKS.search(one.event.text)) or last(sent)
    return [sending(history, took, "in a transaction that is still open")] if took else []


def stood_still(history: History, end: End, sources: Mapping[str, str]) -> list[Clause]:
    """Where the loop stood when the watchdog looked, as the stack that Python wrote has it: innermost first.

    If that was where an engine connects for the first time, it may do so anew: who had disposed of it.
    """
    place, inner = _stood(end.detail, sources)
    own = f" in {place.file}, line {place.line}" if place else ""
    through, woke = _let_through(history, end)
    text = f"after this step the event loop stood still{inner}{through}"
    last_seen = next((one.place for one in history.last.frame.tasks if one.id in woke), None)
    after = ""
    if place is None and last_seen is not None and len(woke) == 1:
        after = f"after {history.name(woke[0])} was woken in {last_seen.file}, line {last_seen.line}, "
    known = next((one[1:] for one in BLOCKS if re.search(one[0], end.detail)), None)
    awaited = f": it waits for {known[0]}" if known else inner
    gist = f"{after}a call{own} blocked the event loop and never came back{awaited}"
    place, remedy = place or last_seen, known[1] if known else NO_AWAIT
    disposed = last(history.told("dispose")) if known else None
    return [
        *([_disposing(history, disposed)] if disposed else []),
        Clause("stood", history.last.number, text, woke, place=place, gist=gist, remedy=remedy),
    ]


def _disposing(history: History, told: Fact) -> Clause:
    task = told.event.task
    text = f"{history.name(task)} called dispose() of an engine: what connects after that is the first of a new pool"
    return Clause("disposed", told.step, text, (task,) if task else (), place=history.line(told))


def died(history: History, end: End, sources: Mapping[str, str]) -> list[Clause]:
    """Where a process was when it died, if Python could still tell; a kill from outside leaves nothing.

    Of one that died because somebody asked for it: what it was in the middle of.
    """
    asked = history.chosen.get(history.last.number)
    if asked is not None and asked.kind == "die":
        return _killed(history, chosen(history.last.number, asked))
    place, inner = _stood(end.detail, sources)
    if not inner:
        return []
    gist = f"the process died{inner}"
    return [Clause("stood", history.last.number, f"after this step {gist}", place=place, gist=gist)]


def _killed(history: History, fault: Clause) -> list[Clause]:
    """The fault, and of each transaction that was open the last that was sent in it."""
    clauses, gist = list[Clause](), "the process died because it was asked to"
    for label in history.pooled:
        sent = last(one for one in history.told("sent", connection=label) if one.step < fault.step)
        state = history.state(label, fault.step - 1)
        if sent is None or sent.event.task is None or state is None:
            continue
        who = history.name(sent.event.task)
        ends = command(sent).startswith(("COMMIT", "ROLLBACK", "PREPARE"))
        answered = any(sent.before(one) for one in history.told("reply", connection=label))
        if ends and not answered:
            clauses.append(sending(history, sent, "and the process died before the reply to it was delivered"))
        elif not ends and state.transaction == "open":
            clauses.append(sending(history, sent, "in a transaction that was open when the process died"))
        if clauses and "while" not in gist:
            gist += f", while {who} " + (
                f"waited for the reply to its {command(sent)}" if ends else "was in a transaction"
            )
    return [*clauses[:EACH], replace(fault, gist=gist)]


def _stood(stack: str, sources: Mapping[str, str]) -> tuple[Place | None, str]:
    """Of a stack as faulthandler writes it, innermost first: the program's own line, and where it was in words."""
    lines = re.findall(r'File "([^"]+)", line (\d+) in (\S+)', stack)
    for file, line, function in lines:
        name = next((name for name in sources if file.endswith(f"/{name}")), None)
        if name is not None:
            text = (sources[name].splitlines()[int(line) - 1 : int(line)] or [""])[0].strip()
            place = Place(name, int(line), function, text)
            break
    else:
        place = None
    inner = f": it was in {lines[0][2]}, {lines[0][0].rpartition('/')[2]} line {lines[0][1]}" if lines else ""
    return place, inner


def _let_through(history: History, end: End) -> tuple[str, tuple[str, ...]]:
    """What came after the last step, by the schedule or by default: nobody has seen the end of it. And whom it woke."""
    last = history.last
    token = schedule.parse(end.schedule).deviations.get(last.number + 1)
    choice = next((one for one in last.frame.choices if (one.token == token if token else one.default)), None)
    if choice is None:
        return "", ()
    woke = f", which woke {listed(history.all(choice.wakes))}" if choice.wakes else ""
    return f"; what had been let through was: {choice.text}{woke}", choice.wakes
