"""What became of what was written: undone by somebody else, never committed, committed twice, read in between."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from itertools import pairwise

from dashboard.findings.why.clause import APART
from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.clause import number
from dashboard.findings.why.clause import of_library
from dashboard.findings.why.clause import sending
from dashboard.findings.why.clause import session_on
from dashboard.findings.why.clause import statement
from dashboard.findings.why.history import Fact
from dashboard.findings.why.history import History
from dashboard.findings.why.sessions import together
from interlock.frame import End

WRITES = ("INSERT", "UPDATE", "DELETE")
NO_SAVEPOINT = (
    "Give each task a session of its own. The savepoints of one connection follow each other in one row: going back to "
    "one undoes all that came after it, whoever wrote it."
)
COMMIT = "End the block that writes with `commit()`, or open it with `async with session.begin()`, which commits."
LOOK_FIRST = (
    "Take a COMMIT that was cut short for one that may have happened: look for what it wrote before doing it again, or "
    "make it harmless to do it twice, with a key that only one row can have."
)
ONE_PICTURE = (
    "Read in one transaction at isolation level REPEATABLE READ. Transactions of several connections can share what "
    "they see by `pg_export_snapshot()`."
)
ONE_TASK = (
    "Let one task at a time use the session: it has one connection then, and so one transaction. At isolation level "
    "REPEATABLE READ all that it reads agrees."
)
SCRAMBLED = (
    "SQLAlchemy 2.0 up to 2.0.51 can then mix up the columns, where the ORM brings its objects up to date from an "
    "UPDATE or DELETE with RETURNING: upgrade to 2.0.52 or later."
)
_BEGINS = ("BEGIN", "START")
_ENDS = ("COMMIT", "ROLLBACK", "PREPARE")


@dataclass(frozen=True)
class Sent:
    """Something that was sent, its answer, and what ended the transaction that it was sent in."""

    fact: Fact
    reply: Fact | None = None
    end: Fact | None = None  # or the rollback to a savepoint that undid it; itself, where no transaction was open
    kept: bool = False  # the end was a COMMIT or the statement itself, and the server carried it out

    @property
    def refused(self) -> bool:
        return self.reply is not None and refuses(self.reply)

    @property
    def writes(self) -> bool:
        return command(self.fact) in WRITES and not self.refused


def refuses(reply: Fact) -> bool:
    """Whether a reply is an error, or the word that a COMMIT was a rollback."""
    return reply.event.text.startswith("the error to") or rolls_back(reply)


def rolls_back(reply: Fact) -> bool:
    """Whether the server answered a COMMIT with ROLLBACK."""
    return reply.event.text.endswith("was delivered: ROLLBACK")


def all_sent(history: History) -> list[Sent]:
    """Everything that was sent on all connections, in its order."""
    found: list[Sent] = []
    under_way: dict[str | None, int] = {}  # by connection: what waits for its answer,
    open_since: dict[str | None, list[int]] = {}  # and what was sent since its last transaction ended
    begun: set[str | None] = set()  # connections in a transaction that somebody asked for
    alone: set[int] = set()  # what was sent outside of any
    for fact in history.told("sent", "reply"):
        label = fact.event.connection
        if fact.event.kind == "sent":
            under_way[label] = len(found)
            since = open_since.setdefault(label, [])
            first = _first_undone(fact, [found[at].fact for at in since])
            for at in since[first:]:
                found[at] = replace(found[at], end=fact)
            del since[first:]
            if command(fact) in _BEGINS:
                begun.add(label)
            elif command(fact) in _ENDS:
                begun.discard(label)
            elif label not in begun:
                alone.add(len(found))
            if label in begun:
                since.append(len(found))
            found.append(Sent(fact))
        elif label in under_way:
            at = under_way.pop(label)
            found[at] = replace(found[at], reply=fact)
    for at in alone:
        found[at] = replace(found[at], end=found[at].fact)
    carried_out = {
        one.fact for one in found if (command(one.fact) == "COMMIT" or one.end == one.fact) and not one.refused
    }
    return [replace(one, kept=one.end in carried_out) if one.end else one for one in found]


def _first_undone(fact: Fact, since: Sequence[Fact]) -> int:
    """The first of what was sent since a transaction began that this ends: all, what a savepoint holds, or nothing."""
    if command(fact) in _ENDS:
        return 0
    name = fact.event.text.rpartition(" ")[2]
    points = [at for at, one in enumerate(since) if _is_savepoint(one, name)]
    return points[-1] + 1 if command(fact) == "ROLLBACK TO" and points else len(since)


def _is_savepoint(fact: Fact, name: str) -> bool:
    return command(fact) == "SAVEPOINT" and fact.event.text.endswith(f" {name}")


def for_another(history: History, ended: Fact) -> list[Clause]:
    """What a task had written in a session's transaction that another one, not its parent, ended."""
    session, task = ended.event.session or "", ended.event.task or ""
    began = last(one for one in history.told("begin", session=session) if one.before(ended))
    if began is None:
        return []
    joined = {one.event.connection for one in history.told("attach", session=session) if began.before(one)}
    inside = (one.fact for one in all_sent(history) if one.writes and began.before(one.fact))
    theirs = last(
        one
        for one in inside
        if one.before(ended) and one.event.connection in joined and not history.under(one.event.task, task)
    )
    where = f"in {session}’s transaction {number(ended.event.text)}"
    return [sending(history, theirs, where)] if theirs else []


def not_kept(history: History, sent: Iterable[Sent], end: End, named: Sequence[str]) -> list[Clause]:
    """The first write of a task that reported success, which another task rolled back or nobody committed.

    `named` are the tasks that a broken rule speaks of, if it does.
    """
    good = {task.id for task in end.tasks if task.outcome == "value" and (not named or task.id in named)}
    for one in sent:
        wrote = one.fact
        if not one.writes or wrote.event.task not in good:
            continue
        if one.end is None:
            again = _begun_again(history, wrote) or _given_back(history, wrote)
            gist = f"nobody committed what {history.name(wrote.event.task)} had written"
            remedy = APART if again else COMMIT
            return [*again, sending(history, wrote, "and nobody ever committed it", gist, remedy)]
        if command(one.end).startswith("ROLLBACK") and one.end.event.task != wrote.event.task:
            undone = f"and so undid what {history.name(wrote.event.task)} had written"
            who, whose = history.name(one.end.event.task), history.name(wrote.event.task)
            end_ = sending(history, one.end, undone, f"{who} rolled back what {whose} had written", APART)
            return [sending(history, wrote, "and did not commit it yet"), end_]
    return []


def _given_back(history: History, wrote: Fact) -> list[Clause]:
    """That somebody else had given the connection of a write back to the pool, which nobody had taken it from since."""
    label, task = wrote.event.connection or "", wrote.event.task
    moved = last(one for one in history.told("checkout", "checkin", connection=label) if one.before(wrote))
    giver = moved.event.task if moved and moved.event.kind == "checkin" else None
    if moved is None or giver is None or giver == task:
        return []
    text = f"{history.name(giver)} gave {label} back to the pool, though {history.name(task)} was not done with it"
    place = history.within(giver, moved.step, moved.event.session)
    return [Clause("returned", moved.step, text, (giver,), (), (label,), place)]


def _begun_again(history: History, wrote: Fact) -> list[Clause]:
    """That the session of a write had been used, and ended, by somebody else, and began once more for this task."""
    label, task = wrote.event.connection, wrote.event.task or ""
    joined = last(one for one in history.told("attach", connection=label) if one.before(wrote))
    session = joined.event.session if joined else None
    began = last(one for one in history.told("begin", session=session, task=task) if joined and one.before(joined))
    ended = last(one for one in history.told("detach", session=session) if began and one.before(began))
    if session is None or began is None or ended is None or ended.event.task in (None, task):
        return []
    before = ended.event.task or ""
    text = f"{history.name(before)} ended {session}’s transaction {number(ended.event.text)}"
    again = f"{history.name(task)} made {session} begin transaction {number(began.event.text)}, after that"
    return [
        Clause("ended", ended.step, text, (before,), (session,), place=history.line(ended)),
        Clause("called", began.step, again, (task,), (session,), place=history.line(began)),
    ]


def savepoint_undone(history: History, sent: Sequence[Sent]) -> list[Clause]:
    """The first rollback to a savepoint that undid what another task had written since on the same connection."""
    for back in (one.fact for one in sent if command(one.fact) == "ROLLBACK TO"):
        name, label, task = back.event.text.rpartition(" ")[2], back.event.connection, back.event.task
        since = [one for one in sent if one.fact.event.connection == label and one.fact.before(back)]
        point = last(one.fact for one in since if _is_savepoint(one.fact, name))
        theirs = (one.fact for one in since if one.writes and point and point.before(one.fact))
        lost = last(one for one in theirs if one.event.task != task)
        if point is not None and lost is not None:
            undone = f"and so undid what {history.name(lost.event.task)} had written since"
            gist = f"{history.name(task)} rolled back to a savepoint, {undone}"
            return [
                sending(history, point, f"which began savepoint {name}"),
                sending(history, lost, f"and so within savepoint {name}"),
                sending(history, back, undone, gist, NO_SAVEPOINT),
            ]
    return []


def twice(history: History, sent: Iterable[Sent], end: End) -> list[Clause]:
    """A write that was committed, and its like sent and committed after somebody had failed or been cancelled.

    The values are not known, so that it was the same row is not said: the rule that broke tells.
    """
    failed = {task.id for task in end.tasks if task.outcome in ("error", "cancelled")}
    told = [fact for fact in history.told("task-ended") if fact.event.task in failed]
    done: dict[str, Sent] = {}  # by statement: the first that was committed
    for again in (one for one in sent if one.writes and one.kept):
        first = done.setdefault(statement(again.fact), again)
        if first.end and again.end and first.end.before(again.fact) and any(one.before(again.fact) for one in told):
            gist = f"{history.name(again.end.event.task)} repeated a statement that had been committed already"
            return [
                sending(history, first.end, _committing(first.end, [first.fact])),
                sending(history, again.fact, "the same statement once more, though one like it had been committed"),
                sending(history, again.end, "and so committed that as well", gist, LOOK_FIRST),
            ]
    return []


def between(history: History, sent: Sequence[Sent]) -> list[Clause]:
    """The same query of two tasks that work for one parent, and the commit of somebody else's write in between."""
    groups: dict[tuple[str, str], list[Fact]] = {}  # by parent and statement
    for one in sent:
        parent = history.parents.get(one.fact.event.task or "")
        if parent and not of_library(one.fact) and command(one.fact) == "SELECT" and not one.refused:
            groups.setdefault((parent, statement(one.fact)), []).append(one.fact)
    changes = [(one.fact, one.end) for one in sent if one.writes and one.kept and one.end]
    for (parent, _), reads in groups.items():
        for read, again in pairwise(reads):
            for wrote, commit in changes if read.event.task != again.event.task else []:
                if read.before(commit) and commit.before(again) and not history.under(commit.event.task, parent):
                    who = history.name(commit.event.task)
                    pair = f"{history.name(read.event.task)} and {history.name(again.event.task)}"
                    one_session = _one_session(history, read, again)
                    apart = f"for each of which session {one_session} had a connection" if one_session else ""
                    gist = f"{who} committed between the reads of {pair}, {apart or 'which work for one task'}"
                    seen = "the same query, which sees what was committed in between"
                    return [
                        *(together(history, one_session, read.step) if one_session else []),
                        sending(history, read, "to read"),
                        sending(history, commit, _committing(commit, [wrote])),
                        sending(history, again, seen, gist, ONE_TASK if one_session else ONE_PICTURE),
                    ]
    return []


def _one_session(history: History, read: Fact, again: Fact) -> str:
    """The session that had a connection for each of two queries, if there was one: they look like one transaction."""
    its = session_on(history, read)
    apart = read.event.connection != again.event.connection
    return its if its and apart and its == session_on(history, again) else ""


def overtook(history: History, sent: Sequence[Sent]) -> list[Clause]:
    """The first answer to a statement with RETURNING that came before the answer to the very same one, sent earlier."""
    before: dict[str, Sent] = {}  # by statement: the one before
    for later in (one for one in sent if one.writes and " returning " in one.fact.event.text.lower()):
        first = before.get(statement(later.fact))
        before[statement(later.fact)] = later
        if first and first.reply and later.reply and later.reply.before(first.reply):
            label = later.fact.event.connection or ""
            text = f"{later.reply.event.text}, before that on {first.fact.event.connection}, which was asked first"
            who = listed(history.all(one.fact.event.task or "" for one in (first, later)))
            gist = f"{who} sent the very same statement, and the answer to the later one was read first"
            told = (gist, SCRAMBLED) if command(later.fact) in ("UPDATE", "DELETE") else ()
            return [
                sending(history, first.fact, "and waited for the answer"),
                sending(history, later.fact, "the very same statement at the same time", *told),
                Clause("replied", later.reply.step, text, (), (), (label,)),
            ]
    return []


def committed(history: History, sent: Iterable[Sent]) -> list[Clause]:
    """Whose commits made the data what it is: those that had written something."""
    found: dict[Fact, list[Fact]] = {}
    for one in sent:
        if one.writes and one.kept and one.end:
            found.setdefault(one.end, []).append(one.fact)
    return [sending(history, end, _committing(end, wrote)) for end, wrote in found.items()]


def _committing(end: Fact, wrote: Sequence[Fact]) -> str:
    """What the end of a transaction did with what was written in it."""
    if end in wrote:
        return "which was committed at once, since no transaction was open"
    each = [f"the {command(one)} of step {one.step}" for one in wrote]
    if len(each) <= EACH:
        return f"and so committed {listed(each)}"
    return f"and so committed {len(each)} writes, from {each[0]} to {each[-1]}"
