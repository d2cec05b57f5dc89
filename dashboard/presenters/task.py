"""One task at one step, with its whole stack."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.presenters import words
from dashboard.presenters.tracebacks import ErrorBlock
from dashboard.presenters.tracebacks import Frames
from dashboard.presenters.tracebacks import chain
from dashboard.presenters.tracebacks import grouped
from dashboard.presenters.words import Mark
from dashboard.presenters.words import Names
from interlock.frame import Frame
from interlock.frame import Place
from interlock.frame import TaskView


@dataclass(frozen=True)
class TaskPage:
    run: int
    step: int
    id: str
    name: str
    mark: Mark
    waits: str
    value: str
    parent: str
    begun: str  # the line where it was created
    cancelled: str  # by whom
    sessions: str
    stack: tuple[Frames, ...]  # while it waits
    chain: tuple[ErrorBlock, ...]  # if it raised


def task_page(run: int, step: int, task: TaskView, frame: Frame, stack: tuple[Place, ...]) -> TaskPage:
    names = Names.of(frame)
    return TaskPage(
        run=run,
        step=step,
        id=task.id,
        name=task.name,
        mark=words.TASK_STATES.get(task.state) or words.unknown(task.state),
        waits=names.text(task.waits),
        value=task.value,
        parent=names.task(task.parent),
        begun=f"{task.begun.file}:{task.begun.line}" if task.begun else "",
        cancelled=names.text(task.cancelled),
        sessions=", ".join(task.sessions),
        stack=grouped(stack),
        chain=chain(task.errors),
    )
