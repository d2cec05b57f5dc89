"""What was read from a replica that had not caught up."""

from __future__ import annotations

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import command
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import of_library
from dashboard.findings.why.clause import sending
from dashboard.findings.why.failure import Failure
from dashboard.findings.why.history import History

_WAIT = "Or wait until the replica has it: its `pg_last_wal_replay_lsn()` tells."
OWN = f"Read from the primary what was just written, at least within the request that wrote it. {_WAIT}"
OTHERS = (
    "Read from the primary what is read in order to write, and for a while whatever one who has just written asks for. "
    f"{_WAIT}"
)


def stale(history: History, failure: Failure) -> list[Clause]:
    """The task that failed had asked a replica for what was not there yet."""
    if "Could not refresh instance" not in failure.error.message:
        return []
    return read_too_early(history, failure.task, failure.step)


def read_only(history: History, failure: Failure) -> list[Clause]:
    """The task that failed had sent a replica what only the primary does."""
    if "in a read-only transaction" not in failure.error.message:
        return []
    replies = (one for one in history.told("reply", task=failure.task) if "read-only" in one.event.text)
    refusal = last(one for one in replies if one.step <= failure.step)
    label = refusal.event.connection or "" if refusal else ""
    sent = last(one for one in history.told("sent", connection=label) if refusal and one.before(refusal))
    if refusal is None or sent is None or label not in history.replicas:
        return []
    text = f"the server answered {label}: {refusal.event.text.partition(': ')[2]}"
    gist = f"{history.name(failure.task)} sent its {command(sent)} to the replica, which takes no writes"
    return [
        sending(history, sent, "which leads to the replica", gist),
        Clause("replied", refusal.step, text, (), (), (label,)),
    ]


def read_in_time(history: History) -> list[Clause]:
    """Of a run in which the replica was behind: who read there when it was no more, or asked the primary meanwhile.

    Of each task the first of a kind. What only asks how far a server is, is not told.
    """
    found: dict[tuple[str, str], Clause] = {}
    for read in history.told("sent") if history.behind else ():
        task, label = read.event.task, read.event.connection or ""
        caught = last(one for one in history.told("replica") if one.before(read))
        if task is None or command(read) != "SELECT" or of_library(read) or "_wal_" in read.event.text:
            continue
        behind = history.behind.get(read.step)
        who, place, calls = history.name(task), history.place(task, read.step), history.calls(task, read.step)
        if label in history.replicas and caught and not behind and read.step + 1 not in history.behind:
            text = f"{who} read on {label}, the replica, which had caught up in step {caught.step}"
            clause = Clause("fresh", read.step, text, (task,), (), (label,), place, calls=calls)
        elif label not in history.replicas and behind:
            text = f"{who} read on {label}, the primary, while the replica was {behind}"
            clause = Clause("primary", read.step, text, (task,), (), (label,), place, calls=calls)
        else:
            continue
        found.setdefault((clause.claim, task), clause)
    return list(found.values())[:EACH]


def read_too_early(history: History, task: str | None = None, until: int | None = None) -> list[Clause]:
    """A query (of a task: its last one, else the first) to a replica that was behind, and the commit that it missed."""
    reads = [
        fact
        for fact in history.told("sent")
        if command(fact).rpartition(" ")[2] == "SELECT"
        and not of_library(fact)
        and fact.event.connection in history.replicas
        and fact.step in history.behind
        and task in (None, fact.event.task)
        and (until is None or fact.step <= until)
    ]
    reads = [fact for fact in reads if command(fact) == "SELECT"] or reads  # that it was prepared is told only alone
    if not reads:
        return []
    read = reads[0] if task is None else reads[-1]
    # It is behind from the step after the one in which a COMMIT made it so.
    commits = (
        fact
        for fact in history.told("sent")
        if command(fact) == "COMMIT"
        and fact.event.connection not in history.replicas
        and history.behind.get(fact.step) != history.behind.get(fact.step + 1)
    )
    missed = last(fact for fact in commits if fact.before(read))
    label = read.event.connection or ""
    text = f"{history.name(read.event.task)} read on {label}, the replica, which was {history.behind[read.step]}"
    place = history.place(read.event.task or "", read.step)
    writer = missed.event.task if missed else None
    what = f"{history.name(writer)} had committed" if writer else "was committed"
    gist = f"{history.name(read.event.task)} read from the replica, which did not yet have what {what}"
    clause = Clause(
        "stale",
        read.step,
        text,
        (read.event.task or "",),
        (),
        (label,),
        place,
        gist,
        OWN if writer == read.event.task else OTHERS,
    )
    return [*([sending(history, missed, "and the replica did not replay it yet")] if missed else []), clause]
