"""Where a session that several tasks use comes from, and who started these tasks: mostly the lines to change."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import listed
from dashboard.findings.why.history import History
from interlock.frame import SessionView

LINES = 5  # in which tasks were started, that are named


def origin(history: History, found: Sequence[Clause]) -> list[Clause]:
    """For the first session that a proof tells to be used by several tasks."""
    for session in history.last.frame.sessions:
        tasks = {task for one in found if session.id in one.sessions for task in one.tasks}
        if len(tasks) > 1:
            return [*started(history, tasks), *_opened(history, session)]
    return []


def started(history: History, tasks: Collection[str]) -> list[Clause]:
    """The task that started those of these that it started in one step."""
    parents = [parent for task, parent in history.parents.items() if task in tasks]
    # Of two that started one each: who handed on what it used itself.
    parent = max(parents, key=lambda one: (one is not None, parents.count(one), one in tasks), default=None)
    its = [task for task in history.begun if task in tasks and history.parents[task] == parent]
    if parent is None or not its:
        return []
    step, place = history.begun[its[0]]
    its = [task for task in its if history.begun[task][0] == step]
    lines = dict.fromkeys(at for _, at in map(history.begun.__getitem__, its) if at is not None and at != place)
    more = [f"{len(its) - EACH} more"] if len(its) > EACH + 1 else []
    its = its[:EACH] if more else its
    text = f"{history.name(parent)} started {listed(history.all(its) + more)}"
    return [Clause("started", step, text, (parent, *its), place=place, more=tuple(lines)[: LINES - 1])]


def _opened(history: History, session: SessionView) -> list[Clause]:
    """Who used the session first, and who had made it; and who came to use it too."""
    if session.opener is None:
        return []
    first, step = session.users[0], history.sessions[session.id]
    maker = "it" if session.opener == first else history.name(session.opener)
    text = f"{history.name(first)} began to use session {session.id}, which {maker} had opened"
    others = [user for user in session.users if user not in (first, session.opener)]
    if others:
        more = [f"{len(others) - EACH} more"] if len(others) > EACH + 1 else []
        came = listed(history.all(others[:EACH] if more else others) + more)
        text += f"; then {came} did"
    tasks = tuple(dict.fromkeys((first, session.opener)))
    return [Clause("opened", step, text, tasks, (session.id,), place=session.opened)]
