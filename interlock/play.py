"""Plays one run from beginning to end, in a process of its own: prepares the lab, runs the script, tells what
happens.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn
from typing import Optional
from typing import Protocol

from interlock import instrument
from interlock import lab
from interlock import orders
from interlock import outcome
from interlock import probe
from interlock import schedule
from interlock import script
from interlock import strategy
from interlock.activity import Activity
from interlock.capture import Capture
from interlock.clients import Clients
from interlock.course import Course
from interlock.course import Diverged
from interlock.course import Stopped
from interlock.frame import OUTPUT
from interlock.frame import Choice
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Header
from interlock.frame import Message
from interlock.frame import Place
from interlock.frame import Step
from interlock.frame import TaskOutcome
from interlock.gate import Gate
from interlock.job import Job
from interlock.journal import FORMAT
from interlock.locks import Locks
from interlock.loop import SteppedTask
from interlock.loop import current_label
from interlock.natural import OpenGate
from interlock.observer import Observer
from interlock.picture import Camera
from interlock.replica import Replica
from interlock.rules import Rules
from interlock.source import read_sources
from interlock.stage import SetupFailed
from interlock.stage import Stage
from interlock.tasks import TaskRecord
from interlock.versions import versions

DIED = "The process died here because it was asked to. The rules tell of the data that it left."
JUDGED = ("", "stuck", "limit")
"""How a run may end for its data to be judged; "" is its own end."""


class Invalid(Exception):
    """There is no run to show: the program could not be begun, or has no event loop; the text says what to do."""


class Channel(Protocol):
    """The line from a run's process to whoever has it played (`child` makes one)."""

    def send(self, message: Message) -> None:
        """Hand over the next message of the run."""

    def ask(self) -> str:
        """Wait for a person's choice (step mode). Returns its token, "" for the default, or `course.STOP`."""

    def beat(self, text: str) -> None:
        """Give a sign of life, with what is being waited for."""

    def wait(self, text: str) -> None:
        """Tell what the run waits for before it can begin."""

    def chose(self, step: int, token: str) -> None:
        """Tell of a deviation before it is carried out: a run that hangs cannot tell its schedule any more."""

    def fork(self, before: Callable[[bool], None]) -> orders.Aim:
        """For jobs of many runs: fork a process for each. Returns in each of them, with what it is to try. Does not
        return here, but calls `before` ahead of each, with whether the last one died.
        """

    def drew(self, drawn: orders.Drawn) -> None:
        """Tell, at the end of such a run, from what chance drew, and what."""

    def leave(self) -> NoReturn:
        """End this process: a program in the middle of its work cannot be talked out of it."""


class Play:
    """One run."""

    def __init__(self, job: Job, channel: Channel) -> None:
        self._job = job
        self._channel = channel
        self._began = time.monotonic()
        self._monotonic = time.monotonic
        self._events: list[Event] = []
        self._number = 0  # of the step whose picture comes next
        self._choice: Optional[Choice] = None
        self._failed_at: Optional[int] = None
        self._last: Optional[Step] = None
        self._broken_at: Optional[Place] = None
        self._escapes: dict[str, None] = {}  # what has been passed that replay does not control, in its order
        self._died = False
        self._unseen = job.mode == "natural" and not job.pictures  # a picture costs time, which is to be measured
        self._pictured = job.pictures or self._unseen  # whether anybody will look at any
        self._forked = False  # this process is one of many
        self._sources = probe.Sources(os.path.dirname(job.program))
        self._texts = instrument.Texts(
            lambda pid: next((x.label for x in self._gate.links if x.pid == pid), None),
            self._sources.name,
            job.schema,
            self._address_again,
        )
        self._course = Course(job, channel.ask, channel.chose, self._events.append)
        self._anyio = False  # it has been met
        natural = job.mode == "natural"
        where = lab.address(job.lab)
        self._stage = Stage(where, job.schema, job.setup)
        self._rules = Rules(job.invariants)
        self._replica = None
        if job.replica and job.replica_hosts:
            there = lab.address(job.replica)
            self._replica = Replica(
                where, there, job.replica_hosts, job.schema, steps=not natural, wait=channel.wait, beat=channel.beat
            )
        self._gate = (OpenGate if natural else Gate)(
            where,
            job.schema,
            job.limits,
            Clients(job.requests, self._tell_answer),
            self._replica,
            self,
            shown=job.pictures,
            tell=self._events.append,
            beat=channel.beat,
            clean=self._texts.clean,
        )
        self._observer = Observer(lambda: self._gate.links, self._events.append, self._sources)
        self._capture = Capture(
            self._events.append,
            current_label,
            self._texts.clean,
            job.limits.output_bytes,
            None if natural else lambda: self._gate.clock,
        )
        self._activity: Optional[Activity] = None
        if job.pictures:
            self._activity = Activity(self._gate.links, self._gate.backends, self._texts.clean)
        self._locks = Locks()
        self._camera = Camera(self._gate, self._observer, self._locks, self._sources, self._activity, self._texts.clean)

    def run(self) -> None:
        """Play the run to its `End`. Never raises for what the program does."""
        try:
            try:
                self._begin_course()
                if not self._job.many:
                    self._prepare()
                self._run_script()
                self._finish_steps()
                name, detail = "", ""
            except Invalid as invalid:
                name, detail = "invalid", str(invalid)
        except lab.LabError as error:
            name, detail = "interrupted", str(error)
        self._channel.send(self._end(name, detail))

    # Before ---------------------------------------------------------------------

    def _begin_course(self) -> None:
        try:
            self._course.begin()
        except schedule.ScheduleError as error:
            raise Invalid(str(error)) from None

    def _prepare(self) -> None:
        """Set the stage and tell what will run."""
        job = self._job
        try:
            self._set_stage(False)
            self._stage.look_around()
        except SetupFailed as error:
            raise Invalid(str(error)) from None
        touches = [*(instrument.NATURAL if job.mode == "natural" else instrument.DISCLOSED)]
        if self._replica is not None and job.mode != "natural":
            touches.append(instrument.REPLICA)
        self._channel.send(
            Header(
                FORMAT,
                os.path.basename(job.program),
                job.mode,
                str(self._course.schedule),
                job.seed if job.mode == "random" else None,
                versions(self._gate.backends.control.server_version),
                tuple(touches),
                read_sources(job.program),
            )
        )

    def loop_begins(self) -> None:
        """Of many runs: up to here the program was the same for all of them, from here each has its own process."""
        self._look_at_imports()
        if self._job.many and not self._forked:
            gc.freeze()  # what the program has made so far need not be looked through in every run
            drawn = random.getstate()
            aim = self._channel.fork(self._set_stage_again)
            random.setstate(drawn)  # Python has seeded it anew in the fork
            self._forked, self._began = True, self._monotonic()
            if self._job.mode == "random":
                self._course.draw(aim)

    def _set_stage_again(self, last_one_died: bool) -> None:
        """Before each of many runs. They inherit the engine's connection, one after the other; a death may spoil it."""
        try:
            self._set_stage(last_one_died)
        except SetupFailed as error:
            self.over("invalid", str(error))
        except lab.LabError as error:
            self.over("interrupted", str(error))

    def _set_stage(self, anew: bool) -> None:
        """The schema as the incident wants it, on the replica too, which then stands still."""
        if self._job.replica_hosts and self._replica is None:
            hosts = ", ".join(self._job.replica_hosts)
            raise SetupFailed(f"This program uses a replica ({hosts}), and none was given to this run.")
        first = self._stage.control is None
        if self._replica is not None and first:
            self._replica.take()
        if first or anew:
            self._gate.backends.control = self._stage.open()
            self._rules.open(self._gate.backends.control)
            if self._replica is not None:
                self._replica.open()
        self._stage.reset()
        if self._activity is not None:
            self._activity.prepare(self._gate.backends.control)
        if self._replica is not None:
            self._replica.control.query("deallocate all")
            self._replica.catch_up(self._gate.backends.control, commit=False)

    def _run_script(self) -> None:
        job = self._job
        instrument.guard(lab.is_opening, self._process_begun)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # policies are deprecated from Python 3.14 on
            from interlock.loop import take_over

            take_over(self._gate)
        script.make_room(job.program)
        self._capture.install()
        if self._pictured:
            self._locks.install()
        if job.mode != "natural":
            instrument.steady(lambda: self._gate.clock)
        self._look_at_imports()
        try:
            if job.requests:
                script.serve(job.program, self._gate.clients)
            else:
                script.run(job.program)
        except SystemExit as leaving:
            if leaving.code not in (None, 0):
                self._events.append(Event("stderr", f"the program left with status {leaving.code}"))
        except script.NoApplication as error:
            raise Invalid(str(error)) from None
        except BaseException as error:  # whatever it is, it is the program's
            self._script_raised(error)
        self._capture.flush()

    def _script_raised(self, error: BaseException) -> None:
        """An exception that left the script: its main task's own, or one from outside of any loop."""
        if any(record.state in ("error", "cancelled") for record in self._gate.tasks.values()):
            return
        self._broken_at = script.place_of(error, self._sources, self._texts.clean)
        when = "before its event loop began" if not self._gate.tasks else "outside of its event loop"
        raise Invalid(f"The program raised {when}: {script.shown(error)}")

    def _look_at_imports(self) -> None:
        if self._observer.install(listen=self._pictured) and self._job.mode != "natural":
            instrument.steady_sqlalchemy()
        if not self._anyio and "anyio" in sys.modules and self._job.mode != "natural":
            self._anyio = True
            instrument.steady_anyio(self._gate.in_thread)

    def over(self, outcome: str, detail: str) -> NoReturn:
        """End the run from within the program: tell how it ended and leave the process."""
        self._channel.send(self._end(outcome, detail))
        self._channel.leave()

    # During: the gate asks ---------------------------------------------------------------------

    def decide(self, choices: list[Choice]) -> Optional[Choice]:
        self._look_at_imports()
        if self._unseen:
            self._events[:] = [event for event in self._events if event.kind in OUTPUT]
            return None
        self._take_picture([*choices, *self._gate.faults()] if choices and self._job.pictures else [])
        if self._job.mode == "natural":
            return None
        if self._number > self._job.limits.steps:
            self.over("limit", f"The run was ended after {self._job.limits.steps} steps, its bound.")
        if not choices:
            self.over("stuck", self._why_stuck())
        try:
            choice = self._course.choose(self._number, choices, self._gate.fault)
        except Stopped as stopped:
            self.over("stopped", str(stopped))
        except Diverged as diverged:
            self.over("diverged", str(diverged))
        self._choice = choice
        if choice.kind == "die":
            self._gate.carry_out(choice)
            self._take_picture([])
            self._died = True
            self.over("crash", DIED)
        return choice

    def _tell_answer(self, event: Event) -> None:
        self._events.append(replace(event, text=self._texts.clean(event.text)))

    def _process_begun(self) -> None:
        self._gate.processes += 1
        self._events.append(Event("escape", "another process was begun: what it does, and when, is not held"))

    def _address_again(self) -> None:
        text = "the number of an object that cannot be followed came again: in a replay it may be another number"
        self._events.append(Event("escape", text))

    def task_done(self, record: TaskRecord, task: SteppedTask) -> None:
        self._events.append(self._camera.read_result(record, task))
        if record.state == "error" and self._failed_at is None:
            self._failed_at = self._number

    def _take_picture(self, choices: list[Choice]) -> None:
        self._look_at_rules()
        events, self._events[:] = list(self._events), []
        self._escapes.update({event.text: None for event in events if event.kind == "escape"})
        if self._pictured:
            elapsed = (self._monotonic() - self._began) * 1000
            self._last = self._camera.step(self._number, self._choice, choices, events, elapsed)
        self._choice = None
        self._number += 1
        if self._pictured and self._last is not None:
            self._channel.send(self._last)

    def _look_at_rules(self) -> None:
        """Which rules of the data are kept, where the answer may be another than at the step before."""
        if self._job.pictures and self._job.mode != "natural":
            ended = any(event.kind == "task-ended" for event in self._events)
            if self._gate.data_changed() or ended or self._number == 0:
                tasks = [task for task in self._outcomes() if task.outcome != "pending"]
                self._events += self._rules.look(self._gate.backends.control, tasks, self._number)

    def loop_ends(self) -> None:
        """The loop is about to close: the last picture that shows everything as it was."""
        self._take_picture([])

    def _finish_steps(self) -> None:
        gc.collect()
        self._gate.finish()
        self._capture.flush()
        if not self._gate.tasks:
            raise Invalid(
                "The program ended without ever running an event loop. Call asyncio.run() in it, or "
                "give its app requests to answer: in incident.toml, or with --request.",
            )
        if self._events and self._job.pictures and self._last is not None:
            self._take_picture([])

    def _why_stuck(self) -> str:
        waiting = [record for record in self._gate.tasks.values() if record.waiting is not None]
        names = ", ".join(f"“{record.name}”" for record in waiting[:10])
        return f"Nothing can move any more: no reply is on its way and no timer is set, yet {names} still wait."

    # After ---------------------------------------------------------------------

    def _look_around(self) -> None:
        """Tell what the run leaves where others find it, and itself when it is played again."""
        with contextlib.suppress(lab.LabError):  # then the rules could not be asked either, which is told
            left = [] if self._job.many else self._stage.left_around()
            if left:
                told = ", ".join(left[:20])
                text = f"while the run went on the lab changed beside its schema, and nobody undoes that: {told}"
                self._escapes[self._texts.clean(text)] = None

    def _outcomes(self) -> tuple[TaskOutcome, ...]:
        """What has come of the tasks so far."""
        return tuple(
            TaskOutcome(
                record.label,
                record.name,
                "pending" if record.state == "waiting" else record.state,
                record.value,
                record.errors,
                record.cancelled,
            )
            for record in self._gate.tasks.values()
        )

    def _end(self, name: str, detail: str) -> End:
        tasks = self._outcomes()
        if name in ("", "stuck") or self._died:
            cut_short = self._course.cut_short(self._number, "the process had died" if self._died else strategy.STILL)
            name, detail = ("diverged", cut_short) if cut_short else (name, detail)
        judged = name in JUDGED or (self._died and name == "crash")
        invariants = self._rules.check(self._gate.backends.control, tasks) if judged else ()
        if judged:
            self._course.part_at_end(self._number)
            self._look_around()
        detail = "\n".join(text for text in (detail, self._course.parted) if text)
        name = name or outcome.name_of(tasks, invariants)
        broken = [one.name for one in invariants if one.holds is False]
        if self._replica is not None:
            self._replica.let_go()
        if self._forked:
            self._channel.drew(self._course.drawn)
        return End(
            outcome=name,
            signature=outcome.signature(name, tasks, invariants),
            summary=outcome.summary(name, tasks, invariants, detail),
            schedule=str(schedule.Schedule(self._course.deviations)),
            steps=self._number - 1,
            tasks=tasks,
            invariants=invariants,
            detail=detail,
            place=self._broken_at,
            failed_at=self._rules.broken_since(broken) if name == "silent" else self._failed_at,
            parted_at=self._course.parted_at,
            escapes=tuple(self._escapes),
            output_dropped=self._capture.dropped,
            duration_ms=round((self._monotonic() - self._began) * 1000, 3),
        )
