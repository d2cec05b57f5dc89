"""A made-up run of many tasks on few connections, to see that the pages stay readable: each task does one UPDATE."""

from __future__ import annotations

from dashboard.runs.overview import Glance
from dashboard.runs.overview import Overview
from interlock.frame import Choice
from interlock.frame import ConnectionView
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Step
from interlock.frame import TaskView

TASKS, CONNECTIONS = 300, 60
ROUND = ("BEGIN", "UPDATE", "COMMIT")


def step(number: int) -> Step:
    """One connection after the other has its reply delivered; whose COMMIT is through is taken by the next task."""
    moved, place = f"t{_user(number, number % CONNECTIONS)}", f"c{number % CONNECTIONS + 1}"
    done = ROUND[(number // CONNECTIONS - 1) % len(ROUND)] if number >= CONNECTIONS else "start-up"
    events = (
        Event("reply", f"the reply to {done} on {place} was delivered", moved, place),
        Event("sent", f"{_doing(number, number % CONNECTIONS)} on {place}", moved, place),
    )
    return Step(
        number=number,
        text=f"deliver the reply to {done} on {place}; “worker {moved[1:]}” ran",
        choice=Choice(place, "reply", f"deliver the reply to {done} on {place}", (moved,), place) if number else None,
        woke=(moved,),
        events=events,
        frame=Frame(
            clock=0.0,
            tasks=tuple(_task(number, one, f"t{one}" == moved) for one in range(1, TASKS + 1)),
            connections=tuple(_connection(number, one) for one in range(CONNECTIONS)),
        ),
    )


def overview(last: int, failed: int | None) -> Overview:
    """All of it in little, with a failure and two orphans."""
    told = [
        Glance((f"t{_user(one, one % CONNECTIONS)}",), f"c{one % CONNECTIONS + 1}", one == failed, False)
        for one in range(last + 1)
    ]
    return Overview(tuple(told), orphaned=(380, 700))


def _turns(number: int, connection: int) -> int:
    """How often a connection had its turn."""
    return (number - connection) // CONNECTIONS + 1


def _user(number: int, connection: int) -> int:
    return max(0, _turns(number, connection) - 1) // len(ROUND) * CONNECTIONS % TASKS + connection + 1


def _doing(number: int, connection: int) -> str:
    turns = _turns(number, connection)
    return ROUND[(turns - 1) % len(ROUND)] if turns > 0 else "start-up"


def _task(number: int, one: int, moved: bool) -> TaskView:
    connection = (one - 1) % CONNECTIONS
    user = _user(number, connection)
    if user == one:
        waits = f"the reply to {_doing(number, connection)} on c{connection + 1}"
        return TaskView(
            f"t{one}", f"worker {one}", "waiting", waits=waits, connection=f"c{connection + 1}", moved=moved
        )
    if one < user:
        return TaskView(f"t{one}", f"worker {one}", "value", value="None")
    return TaskView(f"t{one}", f"worker {one}", "waiting", waits="a connection of the pool")


def _connection(number: int, one: int) -> ConnectionView:
    doing, task = _doing(number, one), f"t{_user(number, one)}"
    blocked = doing == "UPDATE" and one % 7 == 3
    return ConnectionView(
        f"c{one + 1}",
        "blocked" if blocked else "held",
        "idle" if doing == "start-up" else "open",
        doing,
        doing,
        task,
        True,
        task,
        blocked_by=(f"c{one}",) if blocked else (),
        pid=5001 + one,
    )
