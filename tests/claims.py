"""Whether what a proof claims of a step is true of that step: judged by the step alone, not by what made the proof."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dashboard.findings.why.clause import Clause
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Message
from interlock.frame import Step
from interlock.frame import TaskView

EVENTS = {
    "asked": ("opened",),
    "called": ("begin", "commit", "rollback", "savepoint"),
    "ended": ("detach",),
    "sent": ("sent",),
    "replied": ("reply",),
    "took": ("checkout",),
    "used": ("checkout",),
    "returned": ("checkin",),
    "orphaned": ("orphan",),
    "stale": ("sent",),
    "fresh": ("sent",),
    "primary": ("sent",),
    "since": ("rule",),
    "caught": ("replica",),
    "disposed": ("dispose",),
}


def assert_true(clauses: Iterable[Clause], messages: list[Message]) -> None:
    """Each clause speaks of a step that there is, of tasks that there are, and says what that step shows."""
    steps = {message.number: message for message in messages if isinstance(message, Step)}
    (end,) = (message for message in messages if isinstance(message, End))
    everyone = {task.name for step in steps.values() for task in step.frame.tasks}
    for clause in clauses:
        step = steps[clause.step]
        names = {task.id: task.name for task in step.frame.tasks}
        assert all(names[task] in clause.text for task in clause.tasks if clause.claim != "fault"), clause
        assert clause.place is None or clause.place.ours, clause
        assert set(re.findall("“(.*?)”", clause.gist)) <= everyone, clause
        assert not clause.calls or _called(clause, steps, end), clause
        assert _holds(clause, step, steps, end), (clause, step.events)


def _called(clause: Clause, steps: dict[int, Step], end: End) -> bool:
    """Whether the task stood in all these lines at once, or its error came through them."""
    stacks = {key: stack for step in steps.values() for key, stack in step.stacks.items()}
    around = [steps[number].frame.tasks for number in (clause.step, clause.step - 1) if number in steps]
    stood = [stacks.get(one.stack, ()) for tasks in around for one in tasks if one.id == clause.tasks[0]]
    came = [error.stack for one in end.tasks if one.id == clause.tasks[0] for error in one.errors]
    return any({*clause.calls, *clause.places} <= set(stack) for stack in (*stood, *came))


def _holds(clause: Clause, step: Step, steps: dict[int, Step], end: End) -> bool:
    match clause.claim:
        case "started":
            before = steps[clause.step - 1].frame.tasks if clause.step - 1 in steps else ()
            here = {one.id: one for one in step.frame.tasks if one.id not in {one.id for one in before}}
            parent, *begun = clause.tasks
            made = [here[task].begun for task in begun]
            lines = {one.begun for one in here.values() if one.parent == parent}
            return (
                all(here[task].parent == parent for task in begun)
                and made[0] == clause.place
                and set(made) <= {clause.place, *clause.more} <= lines
            )
        case "opened":
            (one,) = (one for one in step.frame.sessions if one.id == clause.sessions[0])
            before = steps[clause.step - 1].frame.sessions if clause.step - 1 in steps else ()
            new = all(other.id != one.id for other in before)
            last = steps[max(steps)].frame
            ids = {task.name: task.id for task in last.tasks}
            for name in re.findall("“(.*?)”", clause.text.partition("; ")[2]):
                new = new and ids[name] in next(other.users for other in last.sessions if other.id == one.id)
            return new and (one.users[0], one.opener, one.opened) == (
                clause.tasks[0],
                clause.tasks[-1],
                clause.place,
            )
        case "left":
            views = [_task(step, task) for task in clause.tasks]
            return all(one.moved and one.state == "cancelled" and one.cancelled in clause.text for one in views)
        case "inside":
            return all(_inside(step, task, session) for task in clause.tasks for session in clause.sessions)
        case "asked":
            return _told(clause, step) and all(_inside(step, clause.tasks[0], one) for one in clause.sessions)
        case "ended":
            return _told(clause, step) and _were_inside(clause, step, steps)
        case "waits":
            waits = [_task(step, task) for task in clause.tasks]
            return all(one.state == "waiting" and one.waits in clause.text for one in waits)
        case "held":
            (task,), (label,) = clause.tasks, clause.connections
            one = next(one for one in step.frame.connections if one.id == label)
            return _task(step, task).state == "waiting" and one.checked_out and one.owner == task
        case "blocked":
            one = next(one for one in step.frame.connections if one.id == clause.connections[0])
            return one.blocked_by == clause.connections[1:]
        case "failed" | "met" | "refused" | "awaited":
            met = [one for one in end.tasks if one.id == clause.tasks[0]]
            moved = [steps[number] for number in range(clause.step, max(steps) + 1)]
            over = re.search(r"was over in step (\d+)", clause.text)
            if over and clause.claim == "met" and not _raises([steps[int(over[1])]], clause.tasks[0]):
                return False
            return met[0].outcome == "error" and _task(step, clause.tasks[0]).moved and _raises(moved, clause.tasks[0])
        case "alone":
            users = {one.id: one.users for one in step.frame.sessions}
            only = "no other task" not in clause.text or set(users.values()) == {clause.tasks}
            return only and {users[one] for one in clause.sessions} == {(task,) for task in clause.tasks}
        case "in turn":
            views = [one for other in steps.values() for one in other.frame.sessions if one.id in clause.sessions]
            return views[-1].users == clause.tasks and all(len(one.tasks) < 2 for one in views)
        case "cancelled":
            ended = (event for event in step.events if event.kind == "task-ended" and event.task == clause.tasks[0])
            return any("cancelled" in event.text for event in ended) and _inside(
                steps[clause.step - 1], clause.tasks[0], clause.sessions[0]
            )
        case "stale":
            (there,) = (one.replica for one in step.frame.connections if one.id == clause.connections[0])
            lags = [choice.text for choice in steps[clause.step - 1].frame.choices if choice.token == "w"]
            said = any(clause.text.endswith(lag.partition(": ")[2]) for lag in lags)
            return there and said and step.choice is not None and step.choice.token != "w" and _told(clause, step)
        case "sent" if "the process died" in clause.text:
            (died,) = (step.number for step in steps.values() if step.choice and step.choice.kind == "die")
            before = {one.id: one for one in steps[died - 1].frame.connections}[clause.connections[0]]
            later = [event for number in range(clause.step, died) for event in steps[number].events]
            later = later[1 + max(at for at, one in enumerate(later) if _same(one, clause, "sent")) :]
            open_ = "open when" in clause.text and before.transaction == "open"
            return open_ or not any(_same(one, clause, "reply") for one in later)
        case "fresh" | "primary":
            view = next(one for one in step.frame.connections if one.id == clause.connections[0])
            before, after = (steps[at].frame.choices for at in (clause.step - 1, clause.step))
            lags = [[one.text.rpartition(": ")[2] for one in seen if one.kind == "replica"] for seen in (before, after)]
            if clause.claim == "primary":
                return _told(clause, step) and not view.replica and any(clause.text.endswith(one) for one in lags[0])
            caught = steps[int(clause.text.rpartition(" ")[2])]
            told = any(event.kind == "replica" for event in caught.events) and caught.number <= clause.step
            return _told(clause, step) and view.replica and told and lags == [[], []]
        case "fault":
            return step.choice is not None and step.choice.text in clause.text
        case "since":
            name = re.findall("“(.*?)”", clause.text)[0]
            told = [
                (step.number, "is broken now" in event.text)
                for step in steps.values()
                for event in step.events
                if event.kind == "rule" and name in event.text
            ]
            return told[-1] == (clause.step, True)
        case "broken" | "stood":
            return clause.step == max(steps)
        case _:
            return _told(clause, step)


def _same(event: Event, clause: Clause, kind: str) -> bool:
    return (event.kind, event.connection) == (kind, clause.connections[0])


def _told(clause: Clause, step: Step) -> bool:
    return any(
        event.kind in EVENTS[clause.claim]
        and (not clause.tasks or event.task == clause.tasks[0])
        and (clause.claim in ("sent", "replied") or not clause.sessions or event.session in (*clause.sessions, None))
        and (event.connection is None or not clause.connections or event.connection in clause.connections)
        for event in step.events
    )


def _were_inside(clause: Clause, step: Step, steps: dict[int, Step]) -> bool:
    """Those who are said to be inside were so before the step or after it, or did something to the session in it."""
    around = [step, *(steps[number] for number in (clause.step - 1,) if number in steps)]
    return all(
        any(_inside(one, task, clause.sessions[0]) for one in around)
        or ("used too" in clause.text and any(task in one.users for one in step.frame.sessions))
        for task in clause.tasks[1:]
    )


def _inside(step: Step, task: str, session: str) -> bool:
    return any(task in one.tasks for one in step.frame.sessions if one.id == session)


def _task(step: Step, task: str) -> TaskView:
    return next(one for one in step.frame.tasks if one.id == task)


def _raises(steps: list[Step], task: str) -> bool:
    return any(event.kind == "task-ended" and event.task == task for step in steps for event in step.events)
