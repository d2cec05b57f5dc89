"""Data that is wrong: which rules broke, and what was done to sessions that others used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import ONE_ENGINE
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import sending
from dashboard.findings.why.clause import session_on
from dashboard.findings.why.clause import statement
from dashboard.findings.why.history import Fact
from dashboard.findings.why.history import History
from dashboard.findings.why.replica import read_too_early
from dashboard.findings.why.sessions import calls
from dashboard.findings.why.sessions import end_of
from dashboard.findings.why.sessions import together
from dashboard.findings.why.writes import LOOK_FIRST
from dashboard.findings.why.writes import Sent
from dashboard.findings.why.writes import all_sent
from dashboard.findings.why.writes import between
from dashboard.findings.why.writes import committed
from dashboard.findings.why.writes import for_another
from dashboard.findings.why.writes import not_kept
from dashboard.findings.why.writes import overtook
from dashboard.findings.why.writes import refuses
from dashboard.findings.why.writes import rolls_back
from dashboard.findings.why.writes import savepoint_undone
from dashboard.findings.why.writes import twice
from interlock.frame import End
from interlock.frame import InvariantOutcome
from interlock.frame import TaskOutcome

ROLL_BACK = (
    "Once a statement has failed, let the error out of the block that commits, or roll back. Where a failure is "
    "expected, put the statement into `begin_nested()`."
)
IN_ONE = (
    "Let the database do the sum (`UPDATE … SET n = n + 1`), lock the row on reading (`with_for_update()`), or count "
    "its versions (`version_id_col`). Or read and write in one transaction at REPEATABLE READ, where the server "
    "refuses such a write, and try it all again."
)
ALL_AGAIN = "Repeat the whole transaction from what it reads on, not only the statement that was refused."
ONE_TRANSACTION = (
    "Put what belongs together into one transaction, on one connection. On two servers that takes two-phase commit, or "
    "a note beside the first write from which the second can be done later."
)
ONE_AT_A_TIME = (
    "Let one task at a time use the session: it has one connection then, and its commit is one COMMIT. Or write what "
    "belongs together in one statement."
)
BROKEN = " is broken now"
SAME_SESSION = "Read what was just written through the session that wrote it, or commit first."


def of_data(history: History, end: End) -> list[Clause]:
    """Which rules broke, and what was done to sessions that several tasks used."""
    broken = [one for one in end.invariants if one.holds is False]
    if not broken:
        return []
    sent = all_sent(history)
    concerned = [task.id for rule in broken for task in _named(end, rule)]
    found = [
        *_ended(history)[: 2 * EACH],
        *_sent_again(history),
        *_overtaken(history),
        *_beside(history, sent),
        *read_too_early(history),
        *_given_up(history),
        *_inherited(history),
        *_undone(history, sent)[: 2 * EACH],
        *_torn(history),
        *orphaned(history, history.last.number)[:2],
    ]
    found += _beneath(found, savepoint_undone(history, sent))
    found += _beneath(found, between(history, sent))
    found += _beneath(found, twice(history, sent, end))
    found += _beneath(found, not_kept(history, sent, end, concerned)) if concerned or not found else []
    found = found or overtook(history, sent)
    found += _settled(found, committed(history, sent))
    for rule in broken[:2]:
        named = _named(end, rule)
        found += _after(history, [task.id for task in named if task.outcome != "value"])
        found += _since(history, rule)
        done = "; ".join(f"“{task.name}” {_did(history, task)}" for task in named)
        text = f"the run ended with the rule “{rule.name}” broken" + (f": {done}" if done else "")
        found.append(Clause("broken", history.last.number, text, tuple(task.id for task in named)))
    return found


def _since(history: History, rule: InvariantOutcome) -> list[Clause]:
    """The step from which on a rule was broken; the engine asked for it, so it is known and not derived."""
    told = last(fact for fact in history.told("rule") if fact.event.text.startswith(f"the rule “{rule.name}”"))
    if told is None or BROKEN not in told.event.text or told.step == history.last.number:
        return []  # of the last step the end of the run says so
    rows = told.event.text.partition(BROKEN)[2]
    return [Clause("since", told.step, f"from here on the rule “{rule.name}” was broken{rows}")]


def _beneath(found: Iterable[Clause], more: list[Clause]) -> list[Clause]:
    """What became of a write says what happened only where nothing says how that came about."""
    return [replace(one, gist="", remedy="") for one in more] if any(one.gist for one in found) else more


def _named(end: End, rule: InvariantOutcome) -> list[TaskOutcome]:
    """The tasks that a broken rule speaks of: those in its column `task`, else those whose names are in its rows."""
    given = re.findall(r"\btask = ([^,;]+)", rule.detail)
    if told := [task for task in end.tasks if task.name in given][:EACH]:
        return told
    # What stands before a value is the name of a column.
    return [task for task in end.tasks if re.search(rf"\b{re.escape(task.name)}\b(?! = )", rule.detail)][:EACH]


def _settled(found: list[Clause], commits: list[Clause]) -> list[Clause]:
    """With which commits it became so: of those who were concerned the last one after that, else the last ones."""
    concerned = {task for one in found for task in one.tasks}
    if not concerned or found[-1].claim == "replied":
        return commits[-EACH:]
    after = max(one.step for one in found)
    return [one for one in commits if one.step > after and one.tasks[0] in concerned][-1:]


def _ended(history: History) -> list[Clause]:
    """Ends of sessions' transactions that concern others, with what those had written.

    That a parent ends what its children have used is how it should be, unless one of them is still at it.
    """
    found = []
    for fact in history.told("detach"):
        clause = end_of(history, fact)
        if clause is None:
            continue
        others = clause.tasks[1:]
        if "used too" in clause.text and all(history.under(one, clause.tasks[0]) for one in others):
            continue
        by_call = [one for one in calls(history, clause.tasks[0], clause.sessions[0], fact) if one.step < clause.step]
        found += [*(for_another(history, fact) if "used too" in clause.text else []), *by_call, clause]
    return found


def _undone(history: History, sent: list[Sent]) -> list[Clause]:
    """Commits of transactions that had failed: the server rolls them back and reports no error."""
    clauses = []
    for one in sent:
        fact, label = one.fact, one.fact.event.connection
        state = history.state(label or "", fact.step - 1)
        if command(fact) == "COMMIT" and state is not None and state.transaction == "failed":
            failed = (one for one in sent if one.refused and one.fact.event.connection == label)
            first = last(one.fact for one in failed if one.fact.before(fact))
            lost = next((one.fact for one in sent if one.writes and one.end == fact), None)
            clauses += [sending(history, lost, "and did not commit it yet")] if lost else []
            clauses += [_refusal(history, first)] if first else []
            gist = (
                f"{history.name(fact.event.task)} committed a transaction that had failed, which the server rolls back"
            )
            more = "whose transaction had failed: the server rolls that back"
            clauses.append(sending(history, fact, more, gist, ROLL_BACK))
            if one.reply is not None and rolls_back(one.reply):
                clauses.append(Clause("replied", one.reply.step, one.reply.event.text, (), (), (label or "",)))
    return clauses


def _given_up(history: History) -> list[Clause]:
    """The first COMMIT whose task was cancelled before the reply, and that the server had carried out."""
    for sent in history.told("sent"):
        task, label = sent.event.task or "", sent.event.connection or ""
        if command(sent) != "COMMIT" or not task:
            continue
        reply = next((one for one in history.told("reply", connection=label) if sent.before(one)), None)
        ended = next((one for one in history.told("task-ended", task=task) if sent.before(one)), None)
        spot = history.spot(task, ended.step - 1) if ended else None
        if reply is None or ended is None or spot is None or not spot.sessions:
            continue
        known = any(
            one.event.text.endswith("committed") for one in history.told("commit", task=task) if sent.before(one)
        )
        if ended.event.text.partition("” ")[2].startswith("was cancelled") and not known and not refuses(reply):
            text = f"{history.name(task)} ended as cancelled, and never had the reply"
            gist = f"{history.name(task)} was cancelled while it awaited the reply to a COMMIT that was carried out"
            meant = [
                Clause("fault", step, f"the schedule chose: {choice.text}")
                for step, choice in sorted(history.chosen.items())
                if sent.step < step <= ended.step and choice.kind in ("timer", "cancel") and task in history.woke[step]
            ]
            return [
                sending(history, sent, "which the server carried out", gist, LOOK_FIRST),
                *meant[:1],
                Clause("cancelled", ended.step, text, (task,), spot.sessions[-1:], place=spot.place),
                Clause(
                    "replied", reply.step, f"{reply.event.text}, and nobody waited for it any more", (), (), (label,)
                ),
            ]
    return []


_STAYS = (  # what a rollback does not undo: how it is made, what it is, and what ends with the transaction instead
    (
        r": set (?!local|transaction|constraints)|set_config\([^)]*false\)",
        "a setting",
        "`SET LOCAL`, `set_config(…, true)`",
    ),
    (r"pg_(try_)?advisory_lock", "an advisory lock", "`pg_advisory_xact_lock()`"),
    (r"temp(orary)? table (?!.*on commit drop)", "a temporary table", "`CREATE TEMP TABLE … ON COMMIT DROP`"),
)


def _inherited(history: History) -> list[Clause]:
    """The first connection that another task took with what a rollback does not undo."""
    for sent in history.told("sent"):
        who, label = sent.event.task or "", sent.event.connection or ""
        made = next((one[1:] for one in _STAYS if re.search(one[0], sent.event.text, re.I)), None)
        if made is None or command(sent).startswith("prepare"):
            continue
        back = next((one for one in history.told("checkin", connection=label) if sent.before(one)), None)
        taken = next((one for one in history.told("checkout", connection=label) if back and back.before(one)), None)
        if back is not None and taken is not None and taken.event.task not in (None, who):
            what, instead = made
            next_one = taken.event.task or ""
            text = f"{history.name(back.event.task)} gave {label} back to the pool"
            giver = (back.event.task,) if back.event.task else ()
            took = f"{history.name(next_one)} took {label} from the pool as it was"
            gist = (
                f"{history.name(who)} left {what} on connection {label}, which {history.name(next_one)} was given next"
            )
            remedy = f"Use what ends with the transaction ({instead}), or undo it before {label} goes back to the pool."
            place = history.place(next_one, taken.step)
            return [
                sending(history, sent, f"{what} that outlasts the transaction", gist, remedy),
                Clause("returned", back.step, text, giver, (), (label,)),
                Clause("took", taken.step, took, (next_one,), (), (label,), place),
            ]
    return []


def _overtaken(history: History) -> list[Clause]:
    """A task read a table and wrote to it, and another's write in between it could not see: the first such three."""
    sent = list(history.told("sent"))
    for wrote in sent:
        table = re.search(r": update (?:only )?(\S+)", wrote.event.text, re.IGNORECASE)
        if table is None or command(wrote) != "UPDATE" or _refused(history, wrote):
            continue
        of_it = [one for one in sent if re.search(rf"\b(from|update) {re.escape(table[1])}\b", one.event.text, re.I)]
        reads = (one for one in of_it if one.event.task == wrote.event.task and command(one) == "SELECT")
        read = last(one for one in reads if one.before(wrote))
        for other in of_it if read else []:
            another = command(other) == "UPDATE" and other.event.task != wrote.event.task
            if read and another and other.before(wrote) and not _committed(sent, other, read):
                reader = history.name(read.event.task)
                unseen = "after that" if read.before(other) else f"and had not committed it when {reader} read"
                writer = history.name(other.event.task)
                gist = f"{reader} read and then wrote, and did not see what {writer} had written meanwhile"
                return [
                    sending(history, read, "to read"),
                    sending(history, other, unseen),
                    sending(history, wrote, f"though {writer} had written meanwhile", gist, IN_ONE),
                ]
    return []


def _sent_again(history: History) -> list[Clause]:
    """The first statement that the server refused, and that its task sent again without reading anything anew."""
    sent = list(history.told("sent"))
    for first in (one for one in sent if one.event.task and command(one) != "COMMIT" and _refused(history, one)):
        after = [one for one in sent if one.event.task == first.event.task and first.before(one)]
        again = next((one for one in after if statement(one) == statement(first)), None)
        reads = [one for one in after if again and one.before(again) and command(one) == "SELECT"]
        begun = [one for one in after if again and one.before(again) and command(one) == "BEGIN"]
        if again is not None and begun and not reads and not _refused(history, again):
            more = "once more in a new transaction, which had read nothing"
            gist = f"{history.name(again.event.task)} repeated a refused statement without reading anew before it"
            return [_refusal(history, first), sending(history, again, more, gist, ALL_AGAIN)]
    return []


def _torn(history: History) -> list[Clause]:
    """The first COMMIT that was refused right after its task had committed on other connections."""
    before: dict[str | None, list[Fact]] = {}  # by task: the COMMITs that it has just sent, one after the other
    for sent in history.told("sent"):
        taken = before.setdefault(sent.event.task, [])
        if command(sent) != "COMMIT":
            taken.clear()
        elif not _refused(history, sent):
            taken.append(sent)
        elif taken:
            on = listed([one.event.connection or "" for one in taken])
            first = (
                f"its COMMIT{'s' if len(taken) > 1 else ''} on {on} {'were' if len(taken) > 1 else 'was'} carried out"
            )
            session = session_on(history, sent)
            its = {session_on(history, one) for one in taken}
            what = f"session {session}" if session and its == {session} else "what it had written"
            last_one = f"the one on {sent.event.connection} refused"
            gist = f"{history.name(sent.event.task)} committed {what} in part: {first}, and {last_one}"
            shared = together(history, session, sent.step) if session else []
            carried_out = [sending(history, one, "which the server carried out") for one in taken[:EACH]]
            remedy = ONE_AT_A_TIME if shared else ONE_TRANSACTION
            return [*shared, *carried_out, _refusal(history, sent, gist, remedy)]
    return []


def _beside(history: History, all_of_it: list[Sent]) -> list[Clause]:
    """The first query on one connection for what its own task had written on another, and not committed."""
    written: dict[str, list[Fact]] = {}  # by connection: what its open transaction was sent
    for one in all_of_it:
        sent = one.fact
        label, did = sent.event.connection or "", command(sent)
        if one.end == sent:
            continue  # no transaction was open: it was committed at once
        if did in ("COMMIT", "ROLLBACK"):
            written.pop(label, None)
        elif did in ("INSERT", "UPDATE", "DELETE"):
            written.setdefault(label, []).append(sent)
        elif did == "SELECT" and label not in history.replicas:
            for wrote in (fact for other, facts in written.items() if other != label for fact in facts):
                table = re.search(r": (?:insert into|update|delete from) (?:only )?(\S+)", wrote.event.text, re.I)
                same = table and re.search(rf"\bfrom {re.escape(table[1])}\b", sent.event.text, re.I)
                if same and wrote.event.task == sent.event.task:
                    unseen = f"which cannot see what {wrote.event.connection} has not committed"
                    own = f"what it had written on {wrote.event.connection} and not committed"
                    gist = f"{history.name(sent.event.task)} read on connection {label}, which cannot see {own}"
                    both = session_on(history, sent), session_on(history, wrote)
                    remedy = ONE_ENGINE if both[0] and both[0] == both[1] else SAME_SESSION
                    read = sending(history, sent, unseen, gist, remedy)
                    return [sending(history, wrote, "and did not commit it yet"), read]
    return []


def _refused(history: History, sent: Fact) -> bool:
    """Whether the server answered a statement with an error."""
    reply = _reply(history, sent)
    return reply is not None and refuses(reply)


def _reply(history: History, sent: Fact) -> Fact | None:
    return next((one for one in history.told("reply", connection=sent.event.connection) if sent.before(one)), None)


def _refusal(history: History, sent: Fact, gist: str = "", remedy: str = "") -> Clause:
    """A statement that the server refused, and with which words."""
    reply = _reply(history, sent)
    words = reply.event.text.partition(": ")[2] if reply else ""
    return sending(history, sent, "which the server refused" + (f": {words}" if words else ""), gist, remedy)


def _committed(sent: list[Fact], wrote: Fact, later: Fact) -> bool:
    """Whether a write's COMMIT was sent before something else was."""
    commits = (one for one in sent if one.event.connection == wrote.event.connection and command(one) == "COMMIT")
    return any(wrote.before(one) and one.before(later) for one in commits)


def _after(history: History, failed: list[str]) -> list[Clause]:
    """The first commit of a session after tasks had failed whose rows are there all the same."""
    over = [step for task in failed if (step := history.raised(task)) is not None]
    for fact in history.told("commit"):
        task = fact.event.task or ""
        if over and fact.event.text.endswith("committed") and fact.step > max(over) and task not in failed:
            text = f"{history.name(task)} committed {fact.event.session}, after {listed(history.all(failed))} had ended"
            sessions = (fact.event.session or "",)
            return [Clause("called", fact.step, text, (task,), sessions, place=history.line(fact))]
    return []


def _did(history: History, task: TaskOutcome) -> str:
    sent = any(history.under(one.event.task, task.id) for one in history.told("sent"))
    return _ENDED.get(task.outcome, task.outcome) + ("" if sent else " and had not sent a single statement")


_ENDED = {"value": "had returned", "error": "had raised", "cancelled": "had been cancelled", "pending": "never ended"}


def orphaned(history: History, until: int) -> list[Clause]:
    """Connections begun under a session that no longer knew them."""
    return [
        Clause("orphaned", one.step, one.event.text, (), (), (one.event.connection or "",))
        for one in history.told("orphan")
        if one.step <= until
    ]
