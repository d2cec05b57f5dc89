"""What a run that ended well has met on its way: so one sees that a fix was put to the test, and was not merely lucky.

Who waited for whose lock and got it, what the server refused and was done again, what the schedule chose, how was read
while a replica was behind, and who had which session. Of what would have happened otherwise nothing is said.
"""

from __future__ import annotations

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import sending
from dashboard.findings.why.clause import statement
from dashboard.findings.why.failure import FAULTS
from dashboard.findings.why.failure import chosen
from dashboard.findings.why.history import History
from dashboard.findings.why.replica import read_in_time
from dashboard.findings.why.writes import all_sent


def withstood(history: History) -> list[Clause]:
    """The clauses; none of a run that met nothing of the kind."""
    told = [*_faults(history), *_waited(history), *_refused(history), *read_in_time(history)]
    return [*told, *_sessions(history)]


def _faults(history: History) -> list[Clause]:
    """What the schedule chose; of many choices, as chance makes them, those that are faults."""
    made = sorted(history.chosen.items())
    told = made if len(made) <= EACH else [one for one in made if one[1].kind in FAULTS]
    return [chosen(step, choice) for step, choice in told[:EACH]]


def _waited(history: History) -> list[Clause]:
    """Who waited for a lock that another connection had, and went on once that was done with it."""
    clauses = []
    for step, waiter, holders in history.blocks[:EACH]:
        asked = last(one for one in history.told("sent", connection=waiter) if one.step <= step)
        if asked is None or asked.event.task is None:
            continue
        task = asked.event.task
        who, place, calls = history.name(task), history.place(task, asked.step), history.calls(task, asked.step)
        text = f"{who} waited with its {command(asked)} on {waiter} for a lock of {listed(list(holders))}"
        clauses.append(Clause("blocked", step, text, (task,), (), (waiter, *holders), place, calls=calls))
        reply = next((one for one in history.told("reply", connection=waiter) if asked.before(one)), None)
        if reply is not None and reply.event.task == task and reply.event.text.startswith("the reply to"):
            text = f"{who} had the reply to it: the lock had been let go"
            clauses.append(Clause("replied", reply.step, text, (task,), (), (waiter,)))
    return clauses


def _refused(history: History) -> list[Clause]:
    """What the server refused, and whether its task sent it once more and had it carried out."""
    sent = all_sent(history)
    clauses = []
    for one in [one for one in sent if one.refused][:EACH]:
        task, reply = one.fact.event.task, one.reply
        if task is None or reply is None or reply.event.task != task:
            continue
        text = f"{history.name(task)} met a refusal and went on: {reply.event.text}"
        place, calls = history.place(task, one.fact.step), history.calls(task, one.fact.step)
        label = one.fact.event.connection or ""
        clauses.append(Clause("replied", reply.step, text, (task,), (), (label,), place, calls=calls))
        same = (other for other in sent if reply.before(other.fact) and other.fact.event.task == task)
        again = next((other for other in same if statement(other.fact) == statement(one.fact)), None)
        if again is not None and again.reply is not None and not again.refused:
            clauses.append(sending(history, again.fact, "the same statement once more, which was carried out"))
    return clauses


def _sessions(history: History) -> list[Clause]:
    """That tasks had a session each, one had all, or several one in turn; nothing where they were inside at once."""
    frame = history.last.frame
    if history.shared:
        return []
    clauses = []
    own: dict[str, list[str]] = {}  # by task: sessions that nobody else used
    for one in frame.sessions:
        if len(one.users) == 1:
            own.setdefault(one.users[0], []).append(one.id)
    if len(own) > 1:
        tasks = tuple(own)[: EACH if len(own) > EACH + 1 else None]
        each = [f"{history.name(task)} had {_numbered(own[task])}" for task in tasks]
        more = [f"{len(own) - len(tasks)} more tasks theirs"] if len(own) > len(tasks) else []
        sessions = tuple(one for task in tasks for one in own[task][:EACH])
        text = f"{listed(each + more)}: nobody else used them"
        clauses.append(Clause("alone", history.last.number, text, tasks, sessions))
    in_turn = [one for one in frame.sessions if len(one.users) > 1]
    if len(own) == 1 and not in_turn:
        ((task, its),) = own.items()
        text = f"{history.name(task)} had {_numbered(its)}: no other task used any"
        clauses.append(Clause("alone", history.last.number, text, (task,), tuple(its[:EACH])))
    for one in in_turn[:EACH]:
        text = f"{listed(history.all(one.users))} used session {one.id} in turn: at no step were two of them inside it"
        if history.natural:
            text = (
                f"{listed(history.all(one.users))} used session {one.id}, and in no picture were two of them inside it"
            )
        clauses.append(Clause("in turn", history.last.number, text, one.users, (one.id,), place=one.opened))
    return clauses


def _numbered(sessions: list[str]) -> str:
    more = [f"{len(sessions) - EACH} more"] if len(sessions) > EACH else []
    return f"{'sessions' if len(sessions) > 1 else 'session'} {listed(sessions[:EACH] + more)}"
