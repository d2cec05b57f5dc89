"""Sessions that several tasks use: who was inside, who ended whose transaction, who was refused."""

from __future__ import annotations

from dataclasses import replace

from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import apart
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import number
from dashboard.findings.why.clause import sending
from dashboard.findings.why.clause import were
from dashboard.findings.why.failure import Failure
from dashboard.findings.why.failure import method
from dashboard.findings.why.history import Fact
from dashboard.findings.why.history import History
from dashboard.findings.why.history import Spot


def session_of(history: History, failure: Failure) -> str | None:
    """The session whose call failed; None if the error is none of a session's call, or it cannot be told whose."""
    if not failure.through("sqlalchemy/orm/session") and not failure.through("sqlalchemy/ext/asyncio/session"):
        return None
    for step in (failure.step - 1, failure.step):
        spot = history.spot(failure.task, step)
        if spot and spot.sessions:
            return spot.sessions[-1]
    for fact in history.told(
        "begin", "commit", "rollback", "attach", "savepoint", "checkout", "detach", "checkin", task=failure.task
    ):
        if fact.step == failure.step and fact.event.session:
            return fact.event.session
    known = [one for one, since in history.sessions.items() if since <= failure.step]
    if len(known) > 1:  # then the only one that the tasks of its request, if it is one, or those beside it began to use
        began = [one.event for one in history.told("begin", "attach", "savepoint") if one.step == failure.step]
        beside = [one for one, parent in history.parents.items() if parent == history.parents.get(failure.task)]
        for tasks in (history.family(failure.task)[1:], beside):
            known = list(dict.fromkeys(one.session for one in began if one.session and one.task in tasks))
            if len(known) == 1:
                break
    return known[0] if len(known) == 1 else None


def ended_by_another(history: History, failure: Failure) -> list[Clause]:
    """Another task ended the session's transaction while the failing task was inside a call of the session."""
    session, task = session_of(history, failure), failure.task
    if session is None:
        return []
    for ended in history.told("detach", session=session):
        end = end_of(history, ended)
        if end is None or task not in end.tasks[1:] or ended.step > failure.step:
            continue
        spot = _inside_at(history, task, session, ended)
        later = _anchor(history, task, session, Fact(failure.step, -1, ended.event))
        if spot is None or (later is not None and ended.before(later)):
            continue  # it began anew with the session since
        return [
            *together(history, session, ended.step),
            _entered(history, task, session, spot, ended.step),
            *calls(history, end.tasks[0], session, ended),
            end,
        ]
    return []


def end_of(history: History, ended: Fact) -> Clause | None:
    """The end of a session's transaction that concerns others than the task that ended it; None if it does not."""
    session, task, era = ended.event.session or "", ended.event.task or "", number(ended.event.text)
    began = last(one for one in history.told("begin", session=session) if one.before(ended))
    if began is None or not task:
        return None
    within = [
        one
        for one in history.told("attach", session=session)
        if began.before(one) and one.before(ended) and not _orphaned_at_once(history, one)
    ]
    inside = [one for one in history.spots if one != task and _inside_at(history, one, session, ended)]
    working = [one for one in inside if any(fact.event.task == one for fact in within)]
    joining = [one for one in inside if one not in working and _belongs(history, one, session, began, ended)]
    others = [one for one in dict.fromkeys(_users(history, session, began, ended)) if one not in (task, *inside)]
    if not inside and not others:
        return None
    how = last(one for one in history.told("commit", "rollback", session=session, task=task) if one.before(ended))
    committed = how is not None and how.step == ended.step and how.event.text.endswith("committed")
    rolled = how is not None and how.step == ended.step and how.event.kind == "rollback"
    verb = "committed" if committed else "rolled back" if rolled else "ended"
    text = f"{history.name(task)} {verb} {session}’s transaction {era}"
    if working or joining:
        words = [(working, "at work in it"), (joining, "yet to join it")]
        more = " while " + listed(
            [f"{listed(history.all(tasks))} {were(tasks)} {what}" for tasks, what in words if tasks]
        )
    elif inside:
        more = f" while {listed(history.all(inside))} {were(inside)} inside {session}"
    else:
        more = f", which {listed(history.all(others))} used too"
    plain = more.replace("yet to join it", "about to use it").replace(f"inside {session}", "still using it")
    what = "the transaction of the" if verb == "ended" else "the"
    gist = f"{history.name(task)} {verb} {what} shared session {session}{plain}"
    text += more
    if committed and not within:
        text += "; no connection had joined it, so nothing was written"
    concerned = (task, *(working + joining or inside or others))
    place = ended.event.place or history.within(task, ended.step, session)
    remedy = apart(history, task, inside, session)
    return Clause("ended", ended.step, text, concerned, (session,), place=place, gist=gist, remedy=remedy)


def _orphaned_at_once(history: History, attached: Fact) -> bool:
    """Whether a connection came for an earlier transaction of the session than the one that is open."""
    return any(one.step == attached.step for one in history.told("orphan", connection=attached.event.connection))


def _anchor(history: History, task: str, session: str, until: Fact) -> Fact | None:
    """The last thing a task certainly did with a session before something else happened."""
    did = history.told("begin", "attach", "savepoint", "commit", "rollback", task=task, session=session)
    return last(one for one in did if one.before(until))


def _belongs(history: History, task: str, session: str, began: Fact, ended: Fact) -> bool:
    """Whether a task inside a session was there for this very transaction of it."""
    anchor = _anchor(history, task, session, ended)
    if anchor is not None:
        return not anchor.before(began)
    entered = _inside_at(history, task, session, ended)
    first = next(
        (one for one in history.told("detach", session=session) if entered and one.step >= entered.first), None
    )
    return first is ended


def _inside_at(history: History, task: str, session: str, fact: Fact) -> Spot | None:
    """The call of a session in which a task was when something happened, if that is certain."""
    before, after = history.spot(task, fact.step - 1), history.spot(task, fact.step)
    if before and session in before.sessions and (after is None or after.first <= before.first):
        return before
    if before and session in before.sessions and after is None:
        return before
    # It entered in that very step: then something it did in the session must have come first.
    own = next((one for one in history.facts if one.step == fact.step and one.event.task == task), None)
    if after and session in after.sessions and own is not None and own.before(fact):
        return after
    return before if before and session in before.sessions and fact.step > before.last else None


def _entered(history: History, task: str, session: str, spot: Spot, until: int) -> Clause:
    asked = next((one for one in history.told("opened", task=task) if spot.first <= one.step <= until), None)
    label = asked.event.connection if asked else None
    return Clause(
        "asked" if label and asked and asked.step == spot.first else "inside",
        spot.first,
        f"{history.name(task)} entered session {session}" + (f" and asked for a connection ({label})" if label else ""),
        (task,),
        (session,),
        (label,) if label else (),
        spot.place,
    )


def together(history: History, session: str, until: int) -> list[Clause]:
    """The first step at which several tasks were inside one session."""
    step, tasks = history.shared.get(session, (0, ()))
    if len(tasks) < 2 or step > until:
        return []
    text = f"{listed(history.all(tasks))} were inside one session, {session}, at the same time"
    return [Clause("inside", step, text, tasks, (session,), place=history.place(tasks[-1], step))]


def calls(history: History, task: str, session: str, ended: Fact) -> list[Clause]:
    """The commit() or rollback() by which a task came to end a transaction, if it is told of."""
    calls = [
        one
        for one in history.told("commit", "rollback", task=task, session=session)
        if one.before(ended) and not one.event.text.endswith("committed")
    ]
    if not calls:
        return []
    call = calls[-1]
    how = f"called commit() of {session}" if call.event.kind == "commit" else f"rolled {session} back"
    return [Clause("called", call.step, f"{history.name(task)} {how}", (task,), (session,), place=history.line(call))]


def cancelled_inside(history: History, failure: Failure) -> list[Clause]:
    """A task was cancelled in the middle of a call of the session, and left it so to whoever came next."""
    session = session_of(history, failure)
    for fact in history.told("task-ended"):
        task = fact.event.task or ""
        spot = history.spot(task, fact.step - 1)
        if spot is None or session is None or session not in spot.sessions or fact.step > failure.step:
            continue
        if task != failure.task and fact.event.text.partition("” ")[2].startswith("was cancelled"):
            lost = _given_up(history, task, session, fact)
            text = f"{history.name(task)} was cancelled inside {session}, where it waited for {spot.waits}"
            if lost and lost[-1].step < fact.step:  # since then it has cleaned up after that
                text = f"{history.name(task)} ended as cancelled inside {session}, after it had cleaned up"
            gist = f"{history.name(task)} was cancelled in the middle of a call of session {session}"
            if lost:
                gist += ", whose connection was given up with the transaction on it"
            cancelled = Clause("cancelled", fact.step, text, (task,), (session,), place=spot.place, gist=gist)
            entered = _entered(history, task, session, spot, fact.step)
            return [*lost[:-1], entered, *lost[-1:], cancelled, *_used(history, failure, session)]
    return []


def _given_up(history: History, task: str, session: str, until: Fact) -> list[Clause]:
    """The connection that a task took out of the pool's hands in the middle of a transaction, and what was written."""
    given = (one for one in history.told("checkin", task=task, session=session) if one.before(until))
    gave = last(one for one in given if one.event.text.startswith("the pool gave up"))
    label = gave.event.connection or "" if gave else ""
    state = history.state(label, gave.step - 1) if gave else None
    if gave is None or state is None or state.transaction != "open":
        return []
    sent = [one for one in history.told("sent", connection=label) if one.before(gave)]
    began = last(one for one in sent if command(one).startswith("BEGIN"))
    wrote = last(one for one in sent if command(one) in ("INSERT", "UPDATE", "DELETE") and began and began.before(one))
    answered = any(sent[-1].before(one) and one.before(gave) for one in history.told("reply", connection=label))
    later = gave.step < until.step  # else it is told of the step in which it ended what it had waited for
    waiting = f"cancelled while it waited for the reply to {command(sent[-1])}, " if later and not answered else ""
    text = f"{history.name(task)} gave {label} up, {waiting}in the middle of {session}’s transaction"
    clause = Clause("returned", gave.step, text, (task,), (session,), (label,), history.place(task, gave.step))
    return [*([sending(history, wrote, f"in {session}’s transaction")] if wrote else []), clause]


def let_go(history: History, failure: Failure) -> list[Clause]:
    """An object was used after the last transaction of its session: what was missing could not be loaded any more."""
    after = "is not persistent within this Session", "This Session has been permanently closed"
    if any(words in failure.error.message for words in after):
        return _used_after(history, failure)
    if "is not bound to a Session" not in failure.error.message:
        return []
    ended = last(one for one in history.told("detach", task=failure.task) if one.step <= failure.step)
    if ended is None:
        return []
    task, session = failure.task, ended.event.session or ""
    ended_it = f"{history.name(task)} ended {session}’s transaction {number(ended.event.text)}"
    text = f"{ended_it}; nothing was loaded through {session} after that"
    gist = f"{history.name(task)} needed more of an object after session {session}, which had read it, was done"
    return [Clause("ended", ended.step, text, (task,), (session,), place=history.line(ended), gist=gist)]


def _used_after(history: History, failure: Failure) -> list[Clause]:
    """Who ended the session's transaction, and went, before the failing task used it."""
    session = session_of(history, failure)
    ended = last(one for one in history.told("detach", session=session) if one.step <= failure.step)
    task = ended.event.task if ended else None
    if session is None or ended is None or task is None or task == failure.task:
        return []
    gone = history.raised(task)
    text = f"{history.name(task)} ended {session}’s transaction {number(ended.event.text)}"
    text += f", and was over in step {gone}" if gone is not None and gone <= failure.step else ""
    gist = f"{history.name(failure.task)} used session {session} after {history.name(task)} was done with it"
    clause = Clause("ended", ended.step, text, (task,), (session,), place=history.line(ended), gist=gist)
    return [clause, *_used(history, failure, session)]


def failed_before(history: History, failure: Failure) -> list[Clause]:
    """A statement of the same session that the server had refused, and that nobody had rolled back since."""
    session = session_of(history, failure)
    if session is None or "due to a previous exception during flush" not in failure.error.message:
        return []
    labels = {one.event.connection for one in history.told("attach", session=session)}
    errors = (one for one in history.told("reply") if one.event.text.startswith("the error to"))
    refusal = last(one for one in errors if one.event.connection in labels and one.step <= failure.step)
    if refusal is None:
        return []
    label, culprit = refusal.event.connection or "", refusal.event.task or ""
    sent = last(one for one in history.told("sent", connection=label) if one.before(refusal))
    text = f"the server answered {history.name(culprit)}: {refusal.event.text.partition(': ')[2]}"
    gist = f"the server refused what {history.name(culprit)} flushed in session {session}, and nobody rolled it back"
    return [
        *([replace(sending(history, sent, f"for {session}"), sessions=(session,))] if sent else []),
        Clause("replied", refusal.step, text, (culprit,), (), (label,), gist=gist),
        *_used(history, failure, session, "; nobody had called its rollback() since"),
    ]


def unawaited(history: History, failure: Failure) -> list[Clause]:
    """An attribute had to be loaded where nothing can be awaited: what was read last, and the commit after that."""
    if "greenlet_spawn has not been called" not in failure.error.message:
        return []
    began = last(
        one for one in history.told("begin", "attach", "savepoint", task=failure.task) if one.step <= failure.step
    )
    session = began.event.session if began else None
    if began is None or session is None:
        return []
    labels = {one.event.connection for one in history.told("attach", session=session)}
    sent = (one for one in history.told("sent") if one.event.connection in labels and one.step <= failure.step)
    read = last(one for one in sent if command(one) == "SELECT")
    ends = (one for one in history.told("commit", session=session) if one.event.text.endswith("committed"))
    ended = last(one for one in ends if one.step <= failure.step)
    if ended is None or (read is not None and not read.before(ended)):
        gist = f"{history.name(failure.task)} needed something that its last awaited query had not read"
        return [sending(history, read, "the last query that was awaited", gist)] if read else []
    task = ended.event.task or ""
    text = f"{history.name(task)} committed {session}, which expires what it holds, unless expire_on_commit is off"
    clauses = [sending(history, read, "to read")] if read else []
    reader = "" if task == failure.task else f"{history.name(failure.task)} "
    gist = f"{history.name(task)} committed session {session}, and {reader}needed more of an object after that"
    remedy = (
        f"Hand {history.name(failure.task)} plain values instead of an object of {session}, or give "
        f"{history.name(task)}, which commits, a session of its own."
        if reader
        else f"Let {history.name(task)} await session.refresh() after its commit."
    )
    remedy += " With expire_on_commit=False a commit leaves the values that were loaded."
    place = history.line(ended)
    clauses.append(Clause("called", ended.step, text, (task,), (session,), place=place, gist=gist, remedy=remedy))
    again = last(one for one in history.told("begin", task=failure.task, session=session) if ended.before(one))
    if again is not None and again.step <= failure.step:
        began_it = f"{history.name(failure.task)} made {session} begin transaction {number(again.event.text)}"
        text = f"{began_it}, for one more query"
        clauses.append(Clause("called", again.step, text, (failure.task,), (session,), place=history.line(again)))
    return clauses


def _used(history: History, failure: Failure, session: str, more: str = "") -> list[Clause]:
    text = f"{history.name(failure.task)} called {method(failure)} of {session}{more}"
    return [Clause("refused", failure.step, text, (failure.task,), (session,), place=failure.place)]


def refused(history: History, failure: Failure) -> list[Clause]:
    """A call of a session that another task was using."""
    session = session_of(history, failure)
    if session is None:
        return []
    mine = (failure.task, *failure.also)
    for other in history.inside(session, failure.step):
        spot = history.spot(other, failure.step)
        if other not in mine and spot:
            return [_entered(history, other, session, spot, failure.step), _call(history, failure, session, other)]
    for fact in history.told("begin", "attach", session=session):
        other = fact.event.task or ""
        if fact.step == failure.step and other and other not in mine:
            asked = next((one for one in history.told("opened", task=other) if one.step == fact.step), None)
            label = asked.event.connection if asked else None
            text = f"{history.name(other)} began {session}’s transaction" + (
                f" and asked for a connection ({label})" if label else ""
            )
            began = Clause(
                "called",
                fact.step,
                text,
                (other,),
                (session,),
                (label,) if label else (),
                history.line(fact),
            )
            return [began, _call(history, failure, session, other)]
    return []


def _call(history: History, failure: Failure, session: str, other: str) -> Clause:
    """What the failing task asked of the session meanwhile."""
    who = listed(history.all((failure.task, *failure.also)))
    spot = history.spot(other, failure.step)
    when = f"before {history.name(other)} was done with it"
    if spot is not None and spot.first == failure.step > 0:  # who came first in that step is not told
        when = f"where {history.name(other)} was at work in that step too"
    to_clean = ", to clean up after an error," if failure.handling else ""
    text = f"{who} called {method(failure)} of {session}{to_clean} {when}"
    meanwhile = f"while {history.name(other)} was still using it"
    gist = f"{who} called {method(failure)} of the shared session {session}{to_clean} {meanwhile}"
    both = (failure.task, *failure.also, other)
    remedy = apart(history, failure.task, (other,), session)
    return Clause("refused", failure.step, text, both, (session,), place=failure.place, gist=gist, remedy=remedy)


def _users(history: History, session: str, began: Fact | None, ended: Fact) -> list[str]:
    """Tasks that did something to a session between the begin and the end of one of its transactions."""
    kinds = ("begin", "commit", "rollback", "attach", "savepoint")
    return [
        one.event.task
        for one in history.told(*kinds, session=session)
        if one.event.task and began and not one.before(began) and one.before(ended)
    ]
