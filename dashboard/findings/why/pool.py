"""A pool that had no connection left: who had them all, and what those did with them."""

from __future__ import annotations

from dataclasses import replace

from dashboard.findings.why.clause import EACH
from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import last
from dashboard.findings.why.clause import listed
from dashboard.findings.why.failure import Failure
from dashboard.findings.why.history import History
from dashboard.findings.why.history import Spot

POOL = "a free connection of the pool"  # as the engine calls what a task waits for


def starved(history: History, failure: Failure) -> list[Clause]:
    """No connection came out of the pool in time: who had them all."""
    asker = _asker(history, failure)
    spot = history.spot(asker, failure.step - 1)
    if spot is None or "TimeoutError" not in failure.error.type or not failure.through("sqlalchemy/pool/"):
        return []
    clauses, holders, left, elsewhere = list[Clause](), list[str](), list[str](), list[Clause]()
    for label in history.pooled:
        taken = last(one for one in history.told("checkout", connection=label) if one.step < failure.step)
        back = next((one for one in history.told("checkin", connection=label) if taken and taken.before(one)), None)
        if taken and (back is None or back.step >= failure.step):
            who = taken.event.task
            holders.append(history.name(who))
            session = taken.event.session
            text = f"{history.name(who)} took {label} from the pool{f' for {session}' if session else ''}, "
            told = history.told("response", task=who) if who else ()
            answered = any(" was answered" in one.event.text and one.before(taken) for one in told)
            text += "after its answer had been sent, and " if answered else "and "
            ended = history.raised(who) if who else None
            if ended is not None and ended < failure.step:
                text += f"ended in step {ended} without giving it back"
                left.append(history.name(who))
            else:
                text += f"kept it until step {back.step if back else f'{history.last.number}, the last'}"
                elsewhere += _elsewhere(history, who, label, taken.step, failure.step - 1) if who else []
            place = history.place(who, taken.step) if who else None
            sessions = (session,) if session else ()
            clauses.append(Clause("took", taken.step, text, (who,) if who else (), sessions, (label,), place))
    name, own = history.name(asker), list(dict.fromkeys(holders))
    gist = f"{name} waited too long for {'one more' if name in own else 'a'} connection of the pool"
    if len(own) > 1 and set(own) == set(history.all((asker, *failure.also))):
        gist = f"{listed(own)} each held a connection of the pool, and waited too long for one more"
    elif own and len(elsewhere) == len(holders):
        gist += (
            f", and {listed(own[:EACH])} kept {'theirs' if len(own) > 1 else 'one'} while waiting for something else"
        )
    elif own:
        gist += f", and {listed(own[:EACH])} gave none back"
    names = list(dict.fromkeys(left))
    over = f"{listed(names[:EACH])} {'has' if len(names) == 1 else 'have'} ended and left a connection out of the pool"
    close = "close what took it, a session or a connection, with `async with`, and use it no more after that"
    remedy = f"{over}: {close}." if names else ""
    asked = [_asked(history, asker, spot)]
    for other in failure.also[: EACH - 1]:
        waited = history.spot(other, failure.step - 1)
        asked += [_asked(history, other, waited)] if waited and waited.waits.startswith(POOL) else []
    # It turns on who did not let go, where that is known, and not on who had to wait.
    at = clauses if len(left) == len(holders) > 0 else elsewhere if len(elsewhere) == len(holders) > 0 else asked
    at[0] = replace(at[0], gist=gist, remedy=remedy)
    return [*clauses[:EACH], *elsewhere[:EACH], *asked]


def _elsewhere(history: History, task: str, label: str, taken: int, step: int) -> list[Clause]:
    """That whoever held a connection waited for something that has nothing to do with the database."""
    spot = history.spot(task, step)
    if spot is None or spot.sessions or not spot.waits.startswith(("a timer", "an asyncio", "an AnyIO")):
        return []
    text = f"{history.name(task)} held {label} while it waited for something else"
    return [Clause("held", max(spot.first, taken), text, (task,), (), (label,), spot.place)]


def _asked(history: History, task: str, spot: Spot) -> Clause:
    text = f"{history.name(task)} asked the pool for a connection, and began to wait ({spot.waits})"
    return Clause("waits", spot.since, text, (task,), spot.sessions, (), spot.place)


def _asker(history: History, failure: Failure) -> str:
    """The task that waited: a web framework has a request handled in a task under the one that fails in the end."""
    spots = ((task, history.spot(task, failure.step - 1)) for task in history.family(failure.task))
    return next((task for task, spot in spots if spot and spot.waits.startswith(POOL)), failure.task)
