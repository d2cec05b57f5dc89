"""Connections that several tasks meet on: statements in flight, transactions left behind, deadlocks."""

from __future__ import annotations

import re
from dataclasses import replace

from dashboard.findings.why.clause import APART
from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import apart
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import sending
from dashboard.findings.why.data import ROLL_BACK
from dashboard.findings.why.failure import Failure
from dashboard.findings.why.failure import method
from dashboard.findings.why.history import Fact
from dashboard.findings.why.history import History
from dashboard.findings.why.origin import started
from dashboard.findings.why.sessions import ended_by_another
from dashboard.findings.why.sessions import refused
from dashboard.findings.why.sessions import session_of
from dashboard.findings.why.sessions import together

_LOOP = re.compile("attached to a different loop|bound to a different event loop|Event loop is closed")
WHOLE = "Read the stream to its end before its session commits, or let another session write and commit."


def in_flight(history: History, failure: Failure) -> list[Clause]:
    """Somebody else's statement was on its way on a connection when the failing task used that connection."""
    session = session_of(history, failure)
    found = [sent for sent, its in _under_way(history, failure.task, failure.step) if its == session]
    spot = history.spot(failure.task, failure.step - 1)
    if not found and spot is not None and spot.leaving:
        # It left several blocks, and closed a session for each: the first refused, and it went on to close the others.
        left = _under_way(history, failure.task, spot.first)
        if len(left) == 1 and history.under(left[0][0].event.task, failure.task):
            found, session, failure = [left[0][0]], left[0][1], replace(failure, step=spot.first)
    if not found or session is None:
        return ended_by_another(history, failure) or refused(history, failure) or _overlapped(history, failure)
    clauses = together(history, session, failure.step)
    for sent in found[:EACH]:
        told = sending(history, sent, f"a connection of {session}; the reply was still to come")
        clauses.append(replace(told, sessions=(session,)))
    labels = tuple(sent.event.connection or "" for sent in found)
    text = f"{history.name(failure.task)} called {method(failure)} of {session}, which uses {listed(list(labels))} too"
    others = list(dict.fromkeys(sent.event.task or "" for sent in found))
    gist = f"{history.name(failure.task)} called {method(failure)} of the shared session {session} while "
    gist += f"{listed(history.all(others))} waited for a reply in it"
    task, place, remedy = (failure.task,), failure.place, apart(history, failure.task, others, session)
    return [*clauses, Clause("refused", failure.step, text, task, (session,), labels, place, gist, remedy)]


def _under_way(history: History, task: str, step: int) -> list[tuple[Fact, str | None]]:
    """What others had sent when a step began, and had no answer to, with the session of each."""
    found = []
    for label in history.pooled:
        sent = _awaited(history, label, step)
        joined = last(one for one in history.told("attach", connection=label) if sent and one.before(sent))
        if sent is not None and sent.event.task not in (None, task) and joined:
            found.append((sent, joined.event.session))
    return found


def _overlapped(history: History, failure: Failure) -> list[Clause]:
    """A reply of that very step woke another task inside the session, which went on with their connection."""
    session = session_of(history, failure)
    shared = together(history, session, failure.step - 1) if session else []
    for reply in history.told("reply") if shared else []:
        spot = history.spot(reply.event.task or "", failure.step - 1)
        if reply.step == failure.step and reply.event.task != failure.task and spot and session in spot.sessions:
            text = f"{reply.event.text}, which woke {history.name(reply.event.task)} inside {session}"
            labels = (reply.event.connection,) if reply.event.connection else ()
            gist = f"{history.name(failure.task)} and {history.name(reply.event.task)} used session {session} at once"
            task = (reply.event.task or "",)
            return [*shared, Clause("replied", reply.step, text, task, (), labels, gist=gist, remedy=APART)]
    return []


def _awaited(history: History, connection: str, step: int) -> Fact | None:
    """The statement on a connection whose reply had not been delivered when a step began, nor in it."""
    sent = None
    for fact in history.told("sent", "reply", connection=connection):
        if fact.step < step or (fact.step == step and fact.event.kind == "reply"):
            sent = fact if fact.event.kind == "sent" else None
    return sent


def other_loop(history: History, failure: Failure) -> list[Clause]:
    """A connection that a task of an event loop before this one had opened."""
    if not _LOOP.search(failure.error.message):
        return []
    taken = last(one for one in history.told("checkout", task=failure.task) if one.step <= failure.step)
    label = taken.event.connection if taken else None
    opened = next(history.told("opened", connection=label), None) if label else None
    opener = opened.event.task if opened else None
    ended = history.raised(opener) if opener else None
    if taken is None or opened is None or label is None or opener is None or ended is None or ended > taken.step:
        return []
    loop = f"which belongs to the event loop of {history.name(opener)}"
    text = f"{history.name(failure.task)} took {label} from the pool, {loop}"
    gist = (
        f"{history.name(failure.task)} used a connection that belongs to another event loop, of {history.name(opener)}"
    )
    place = history.place(failure.task, taken.step) or failure.place
    return [
        Clause("asked", opened.step, f"{history.name(opener)} opened {label}", (opener,), (), (label,)),
        Clause("used", taken.step, text, (failure.task,), (), (label,), place, gist),
    ]


def dirty(history: History, failure: Failure) -> list[Clause]:
    """A connection that came out of the pool in the middle of somebody's transaction."""
    for taken in history.told("checkout", task=failure.task):
        label = taken.event.connection or ""
        returned = [one for one in history.told("checkin", connection=label) if one.before(taken)]
        state = history.state(label, taken.step - 1)
        if not returned or state is None or state.checked_out or state.transaction in ("", "idle"):
            continue
        # What is written goes out when nothing else can move: a BEGIN may be sent after its connection was given back.
        sent = [one for one in history.told("sent", connection=label) if one.before(taken)]
        turns = last(one for one in sent if command(one).startswith(("BEGIN", "COMMIT", "ROLLBACK")))
        began = [turns] if turns is not None and command(turns).startswith("BEGIN") else []
        clauses = []
        for fact, claim, text in [
            *[(one, "sent", f"began a transaction on {label}") for one in began],
            (
                returned[-1],
                "returned",
                f"gave {label} back to the pool, and {'that' if began else 'its'} transaction was still "
                f"{state.transaction}",
            ),
            (taken, "took", f"took {label} from the pool as it was"),
        ]:
            who = fact.event.task
            where = history.within(who or "", fact.step, fact.event.session)
            place = history.place(who, fact.step) if who and claim != "returned" else where
            clauses.append(
                Clause(claim, fact.step, f"{history.name(who)} {text}", (who,) if who else (), (), (label,), place)
            )
        left = f"in the transaction that {history.name(returned[-1].event.task)} had left {state.transaction}"
        gist = f"{history.name(failure.task)} was given connection {label} of the pool {left}"
        return [*clauses[:-1], replace(clauses[-1], gist=gist)]
    return []


_EDGE = re.compile(r"Process (c\d+) waits for .*?; blocked by process (c\d+)\.")


def deadlock(history: History, failure: Failure) -> list[Clause]:
    """Who waited for whom, in what order, who closed the circle and who paid: in the server's own words."""
    waiting = []
    for waiter, holder in _EDGE.findall(failure.error.message):
        sent = [one for one in history.told("sent", connection=waiter) if one.step <= failure.step]
        asked = last(
            one for one in sent if _awaits(history, one, failure.step) and not command(one).startswith("prepare")
        )
        if asked is not None:
            waiting.append((asked, waiter, holder))
    waiting.sort(key=lambda one: (one[0].step, one[0].index))
    # Mostly they do the same, and in opposite orders by what they were given.
    began = started(history, {one.event.task for one, _, _ in waiting if one.event.task})
    clauses = [one for one in began if one.place]
    for at, (asked, _, holder) in enumerate(waiting):
        closes = at == len(waiting) - 1
        held = last(
            one for one in history.told("sent", connection=holder) if _locks(one) and _done(history, one, asked)
        )
        if held is not None:
            clauses.append(sending(history, held, "in a transaction, and so kept the locks it took"))
        text = f"which waits for a lock of {holder}" + (": that closed the circle" if closes else "")
        gist = f"{listed([history.name(one.event.task) for one, _, _ in waiting])} waited for locks of each other"
        clauses.append(sending(history, asked, text, gist if closes else ""))
    victim = next((one for one in history.told("reply") if "deadlock detected" in one.event.text), None)
    if victim is not None:
        label, task = victim.event.connection or "", victim.event.task or ""
        text = f"the server broke the circle: it chose {label}, and {history.name(task)} had to give up"
        clauses.append(Clause("replied", victim.step, text, (task,), (), (label,)))
    return clauses


def _awaits(history: History, sent: Fact, step: int) -> bool:
    """Whether a statement was under way for at least a step before this one."""
    replies = (one for one in history.told("reply", connection=sent.event.connection) if sent.before(one))
    answered = next(replies, None)
    return sent.step < step and (answered is None or answered.step >= step - 1)


def _done(history: History, sent: Fact, later: Fact) -> bool:
    """Whether the server was done with a statement before something else happened; the reply may be held yet."""
    label = sent.event.connection
    if any(sent.before(one) and one.before(later) for one in history.told("reply", connection=label)):
        return True
    blocked = any(waiter == label and step >= sent.step for step, waiter, _ in history.blocks)
    return sent.step < later.step and not blocked


def _locks(sent: Fact) -> bool:
    return command(sent) in ("UPDATE", "DELETE", "INSERT", "LOCK") or "for update" in sent.event.text.lower()


def serialized(history: History, failure: Failure) -> list[Clause]:
    """What the refused transaction had read, and who wrote and committed before it could."""
    refusals = (one for one in history.told("reply", task=failure.task) if "could not serialize" in one.event.text)
    victim = last(one for one in refusals if one.step <= failure.step)
    if victim is None:
        return []
    label = victim.event.connection or ""
    mine = [one for one in history.told("sent", connection=label) if one.before(victim)]
    began = last(one for one in mine if command(one).startswith("BEGIN"))
    read = next((one for one in mine if began and began.before(one) and command(one).endswith("SELECT")), None)
    clauses = [sending(history, read, "to read")] if read else []
    for other in history.told("sent"):
        if other.event.connection == label or command(other) not in ("UPDATE", "INSERT", "DELETE"):
            continue
        commits = history.told("sent", connection=other.event.connection)
        commit = next((one for one in commits if other.before(one) and command(one) == "COMMIT"), None)
        if began and commit and began.before(commit) and commit.before(victim):
            clauses += [sending(history, other, "in a transaction at the same time")]
            who, mine_too = history.name(other.event.task), history.name(failure.task)
            gist = f"{who} wrote and committed while {mine_too} was in a transaction that does not go together with it"
            clauses += [sending(history, commit, "and so came first", gist)]
            break
    asked = last(one for one in mine if _awaits(history, one, victim.step + 1))
    if asked is not None:
        clauses.append(sending(history, asked, "which the server refused"))
    text = f"the server answered {label}: {victim.event.text.partition(': ')[2]}"
    return [*clauses, Clause("replied", victim.step, text, (), (), (label,))]


def closed(history: History, failure: Failure) -> list[Clause]:
    """The server had closed a connection, or it was dropped, while the failing task was in a transaction on it."""
    ends = (one for one in history.told("reply", task=failure.task) if one.event.text.endswith("closed by the server"))
    told = last(one for one in ends if one.step <= failure.step) or _dropped(history, failure)
    label = told.event.connection or "" if told else ""
    sent = last(one for one in history.told("sent", connection=label) if told and one.before(told))
    state = history.state(label, told.step - 1) if told else None
    if told is None or sent is None or state is None or state.transaction != "open":
        return []
    nothing_more = "and then nothing more in that transaction"
    if told.event.kind == "fault":  # which the proof tells of anyway
        gist = f"connection {label} was dropped while {history.name(failure.task)} was in a transaction on it"
        remedy = f"Let {history.name(failure.task)} hold no transaction while it waits for something else."
        return [sending(history, sent, nothing_more, gist, remedy)]
    clauses = [sending(history, sent, nothing_more)]
    caught = last(one for one in history.told("replica") if label in history.replicas and sent.before(one))
    if caught is not None and caught.step == told.step - 1:
        clauses.append(Clause("caught", caught.step, caught.event.text))
    which = f"{label}, which leads to the replica," if label in history.replicas else label
    gist = f"the server closed {which} while {history.name(failure.task)} was in a transaction on it"
    remedy = (
        f"Let {history.name(failure.task)} hold no transaction on the replica while it does something else, or try it "
        "again. A larger `max_standby_streaming_delay` gives it longer, and the replica lags by that."
    )
    remedy = remedy if label in history.replicas else ""
    return [*clauses, Clause("replied", told.step, told.event.text, (), (), (label,), gist=gist, remedy=remedy)]


def _dropped(history: History, failure: Failure) -> Fact | None:
    """That a connection was dropped on which the failing task had sent something, and had its answer."""
    for told in history.told("fault"):
        label = told.event.connection
        if told.event.text.endswith("was dropped") and told.step <= failure.step:
            before = last(one for one in history.told("sent", "reply", connection=label) if one.before(told))
            if before is not None and (before.event.kind, before.event.task) == ("reply", failure.task):
                return told
    return None


def replanned(history: History, failure: Failure) -> list[Clause]:
    """A statement was prepared, the schema changed, and the statement was used again."""
    replies = history.told("reply", task=failure.task)
    refusals = ("cached plan must not change", "cache lookup failed")
    refusal = last(one for one in replies if any(words in one.event.text for words in refusals))
    if refusal is None:
        return []
    label = refusal.event.connection or ""
    sent = list(history.told("sent"))
    used = last(one for one in sent if one.event.connection == label and one.before(refusal))
    before = [one for one in sent if one.before(refusal)]
    changed = last(one for one in before if command(one) == "ALTER")
    if "cache lookup failed" in refusal.event.text:  # what is looked up is there no more
        changed = last(one for one in before if re.search(r"^DROP .*: drop type\b", one.event.text, re.I)) or changed
    statement = used.event.text.partition(": ")[2] if used else ""
    prepared = last(
        one
        for one in sent
        if changed and one.event.connection == label and one.before(changed) and one.event.text.endswith(statement)
    )
    if used is None or changed is None or prepared is None:
        return []
    user = history.name(used.event.task)
    gist = f"{history.name(changed.event.task)} changed the schema under a prepared statement that {user} used again"
    return [
        sending(history, prepared, "which was prepared for the schema of that time"),
        sending(history, changed, "and so changed the schema", gist),
        sending(history, used, "as it had been prepared before"),
    ]


def stream_ended(history: History, failure: Failure) -> list[Clause]:
    """The transaction in which a stream's cursor was opened had been ended, and who had its connection by then."""
    commits = [one for one in history.told("sent", task=failure.task) if command(one) == "COMMIT"]
    opened = last(
        one
        for one in history.told("sent", task=failure.task)
        if command(one) == "SELECT" and commits and one.before(commits[0])
    )
    if opened is None or opened.event.connection != commits[0].event.connection:
        return []
    gist = f"{history.name(failure.task)} committed while it was still reading a stream of that transaction"
    reached = _reached_into(history, failure, commits[0])
    return [
        sending(history, opened, "to fetch the first rows of a stream"),
        sending(history, commits[0], "and so ended the transaction of the stream", "" if reached else gist),
        *reached,
    ]


def _reached_into(history: History, failure: Failure, commit: Fact) -> list[Clause]:
    """The stream was read on where its connection had gone: in somebody else's transaction, which failed by that."""
    label = commit.event.connection or ""
    sent = (one for one in history.told("sent", task=failure.task, connection=label) if commit.before(one))
    more = last(one for one in sent if one.step <= failure.step)
    taken = last(one for one in history.told("checkout", connection=label) if more and commit.before(one))
    state = history.state(label, more.step) if more else None
    if more is None or taken is None or not taken.before(more) or state is None or state.transaction != "failed":
        return []
    who, victim = history.name(failure.task), taken.event.task or ""
    if victim in ("", failure.task):
        return []
    took = f"{history.name(victim)} took {label} from the pool"
    gist = f"{who} read on in a stream after its commit, on a connection that {history.name(victim)} had by then"
    spoilt = f"to read on in the stream, in the transaction of {history.name(victim)}, which failed by that"
    place = history.place(victim, taken.step)
    return [
        Clause("took", taken.step, took, (victim,), (), (label,), place),
        sending(history, more, spoilt, gist, WHOLE),
    ]


def aborted(history: History, failure: Failure) -> list[Clause]:
    """The statement with which the transaction had failed before, and who had sent it."""
    text = "current transaction is aborted"
    told = (one for one in history.told("reply") if one.step <= failure.step)
    replies = [one for one in told if one.event.text.startswith("the error to")]
    refused_too = last(one for one in replies if text in one.event.text and one.event.task == failure.task)
    if refused_too is None or text not in failure.error.message:
        return []
    label, mine = refused_too.event.connection or "", history.name(failure.task)
    before = (one for one in replies if one.event.connection == label and one.before(refused_too))
    error = last(one for one in before if text not in one.event.text)
    sent = list(history.told("sent", connection=label))
    first = last(one for one in sent if error and one.before(error))
    again = last(one for one in sent if one.before(refused_too))
    if error is None or first is None or again is None:
        return []
    whose = "its own" if first.event.task == failure.task else history.name(first.event.task)
    gist = f"{mine} went on in a transaction in which the server had refused a statement of {whose}"
    answer = error.event.text.partition(": ")[2]
    return [
        sending(history, first, f"which the server refused: {answer}", gist, ROLL_BACK),
        sending(history, again, "in that same transaction, which nobody had rolled back"),
    ]
