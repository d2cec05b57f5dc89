"""The run page: one step of a run, as everything that is shown of it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from functools import lru_cache

from dashboard.findings.explain import Explanation
from dashboard.findings.explain import advised
from dashboard.findings.explain import sentence
from dashboard.findings.timeline import Timeline
from dashboard.findings.why import Clause
from dashboard.findings.why import title
from dashboard.findings.why.headline import headline
from dashboard.findings.why.turn import Turn
from dashboard.presenters import backends
from dashboard.presenters import happened
from dashboard.presenters import notes as noted
from dashboard.presenters import summary
from dashboard.presenters import words
from dashboard.presenters.backends import ActivityLine
from dashboard.presenters.backends import Sessions
from dashboard.presenters.branches import BranchLine
from dashboard.presenters.branches import tree
from dashboard.presenters.choices import Choices
from dashboard.presenters.choices import choices
from dashboard.presenters.exploration import Inevitable
from dashboard.presenters.happened import EventLine
from dashboard.presenters.happened import OutputLine
from dashboard.presenters.head import Head
from dashboard.presenters.head import head_of
from dashboard.presenters.keep import Keep
from dashboard.presenters.matrix import Matrix
from dashboard.presenters.matrix import matrix
from dashboard.presenters.notes import NoteLine
from dashboard.presenters.offline import stretch
from dashboard.presenters.outcome import Outcome
from dashboard.presenters.outcome import TaskEnd
from dashboard.presenters.outcome import outcome
from dashboard.presenters.outcome import raised
from dashboard.presenters.overview import Strip
from dashboard.presenters.overview import strip
from dashboard.presenters.polling import CALM
from dashboard.presenters.polling import SLOW
from dashboard.presenters.polling import Poll
from dashboard.presenters.polling import moving
from dashboard.presenters.reasons import Reason
from dashboard.presenters.reasons import reasons
from dashboard.presenters.source import File
from dashboard.presenters.source import source
from dashboard.presenters.stepper import Stepper
from dashboard.presenters.stepper import stepper_of
from dashboard.presenters.timeline import Chart
from dashboard.presenters.timeline import chart
from dashboard.presenters.words import Names
from dashboard.runs.overview import Overview
from dashboard.store.records import Note
from dashboard.store.records import RunRecord
from dashboard.store.records import RunRow
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Step

EMPTY = Frame(clock=0.0)
FAILURES = ("error", "silent", "stuck", "hang", "crash")
LINE = 130  # letters of the sentence on top
AS_IT_SHOULD = "It ended with the error that it should end with."
VIEWS = ("", "all", "timeline", "timeline-all")
"""What lies in the lower part where there is no room for both: the server's side, or the run as lanes; of a crowd the
busy ones, or all."""


@dataclass(frozen=True)
class Room:
    head: Head
    url: str  # of this very picture
    title: str
    started: bool  # there is at least one step
    caption: str
    new_errors: tuple[str, ...]  # tasks that raised in this step, in words
    about: str  # of a run that went as it should what its program says of itself: of a fix that is why
    happened: str  # of a failed run what happened, in one sentence
    lead: str  # the same, at the steps that show the failure
    symptom: str  # there: what of it a log would have
    clock: str
    stepper: Stepper
    choices: Choices
    matrix: Matrix
    files: tuple[File, ...]
    activity: tuple[ActivityLine, ...]
    sessions: Sessions
    events: tuple[EventLine, ...]
    output: tuple[OutputLine, ...]
    outcome: Outcome | None
    raised: tuple[TaskEnd, ...]  # tracebacks so far, while there is no outcome
    explanation: Explanation | None
    proof: tuple[Clause, ...] | None  # None: not worked out
    reasons: tuple[Reason, ...]  # the proof, to read
    proof_title: str  # what it tells of
    poll: Poll | None
    rev: int
    notice: str = ""  # why a command was refused
    in_the_way: tuple[int, ...] = ()  # while it is queued: runs that hold a worker's places and wait for somebody
    view: str = ""
    timeline: Chart | None = None
    strip: Strip | None = None  # the whole run, where the lanes do not show all of it at once
    branches: tuple[BranchLine, ...] = ()  # the tree that this run is part of
    known: bool = True  # its program is here
    inevitable: Inevitable | None = None
    line: str = ""  # the run in one line, for a chat; without its address
    fixes: tuple[Fix, ...] = ()  # of a failure, for its stack
    spared: tuple[str, ...] = ()  # it went well here, and its program is declared to fail on these stacks
    notes: tuple[NoteLine, ...] = ()
    drives: bool = True  # whoever looks may change things; else they only watch
    present: bool = False  # larger and calmer, for a shared screen
    task: str = ""  # label of the task that is kept in sight
    conn: str = ""  # of the connection
    cut: bool = False  # it is too long to be one file as a whole

    @property
    def advises(self) -> bool:
        """At the failure, and at the end: what to do comes before what else could have happened."""
        ends = self.outcome is not None and self.explanation is not None
        at_end = self.stepper.number in (self.stepper.failed_at, self.stepper.last)
        return ends and not self.head.as_it_should and (at_end or not self.choices.any)

    @property
    def cites(self) -> bool:
        """A line is marked as one that the proof names."""
        return any(line.cited for file in self.files for line in file.lines)

    @property
    def goal(self) -> str:
        """What the run is let go on to, or is looked for in it. A fix is not run for its failure."""
        if self.stepper.failed_at is not None:
            return "its error" if self.head.meant else "the failure"
        return "the end" if self.outcome or self.head.meant else "the failure"

    @property
    def goal_means(self) -> str:
        if self.stepper.failed_at is None:
            return self.goal
        if self.head.as_it_should:
            return "the step where it meets the error that it should end with"
        return "the step where it first showed"

    @property
    def tall(self) -> bool:
        """What happened takes two lines: the same room is kept at every step, so that nothing moves."""
        return len(words.shortened(self.happened)) > LINE

    @property
    def kept(self) -> Keep:
        return Keep(self.view, self.task, self.conn, self.present)

    @property
    def keep(self) -> str:
        """What the links of this page take along."""
        return self.kept.query

    @property
    def keep_present(self) -> str:
        """The same, for links that name a view of their own."""
        return replace(self.kept, view="").query

    def keeping(self, label: str) -> str:
        """The same, for the link that keeps a task or a connection in sight, or no longer."""
        if label.startswith("t"):
            return replace(self.kept, task="" if label == self.task else label).query
        return replace(self.kept, conn="" if label == self.conn else label).query

    @property
    def other_way(self) -> str:
        """The same step in the presenter view, or out of it."""
        return f"/runs/{self.head.id}?step={self.stepper.number}{replace(self.kept, present=not self.present).query}"

    @property
    def lower(self) -> str:
        """Which view lies in the lower part."""
        return self.view.removesuffix("all").removesuffix("-")

    @property
    def every(self) -> bool:
        """Whether the quiet ones are shown too."""
        return self.view.endswith("all")

    @property
    def keep_other(self) -> str:
        """The same, for the link that shows the quiet ones too where this page does not, and the other way round."""
        view = self.lower if self.every else f"{self.lower}-all".removeprefix("-")
        return replace(self.kept, view=view).query

    @property
    def commands(self) -> str:
        """Where what is asked of the run goes to."""
        return f"/runs/{self.head.id}/commands" + self.keep.replace("&", "?", 1)


@dataclass(frozen=True)
class Fix:
    """A program of the same incident that does it without the failure."""

    name: str
    title: str
    schedule: str


@dataclass(frozen=True)
class Moment:
    """What of a run's steps is needed to show one of them."""

    step: Step | None  # None: the run has no step yet
    before: Step | None
    after: Step | None
    written: tuple[tuple[int, Event], ...] = ()  # output up to this step


def room(
    run: RunRecord,
    moment: Moment,
    *,
    incident_title: str,
    explanation: Explanation | None,
    proof: tuple[Clause, ...] | None = None,
    notice: str = "",
    in_the_way: tuple[int, ...] = (),
    view: str = "",
    task: str = "",
    conn: str = "",
    timeline: Timeline | None = None,
    overview: Overview | None = None,
    family: Sequence[RunRow] = (),
    branchable: bool = True,
    known: bool = True,
    fails: bool = False,
    inevitable: Inevitable | None = None,
    notes: Sequence[Note] = (),
    watchers: int = 1,
    drives: bool = True,
    present: bool = False,
    turn: Turn | None = None,
    fixes: Sequence[Fix] = (),
    mends: str = "",
    probes: str = "",
    spared: tuple[str, ...] = (),
) -> Room:
    """The page of a run at a step. `fails`: its program is declared to."""
    explanation = advised(explanation, proof or (), turn)
    step = moment.step
    frame = step.frame if step is not None else EMPTY
    before = moment.before.frame if moment.before is not None else None
    names = Names.of(before, frame)
    met = next((one.step for one in proof or () if one.claim == "met"), None)
    stepper = replace(stepper_of(run, step.number if step is not None else 0, met), turn=turn)
    every = view.endswith("all")
    marked = frozenset(one.step for one in notes)
    kept = frozenset({task, conn})
    lanes = (
        chart(timeline, names, at=stepper.number, last=stepper.last, every=every, noted=marked, turn=turn, kept=kept)
        if timeline
        else None
    )
    main = run.header.program.rsplit("/", 1)[-1] if run.header else f"{run.program}.py"
    files = source(run.header.sources, main, frame, proof or ()) if run.header else ()
    keep = Keep(view, task, conn, present).query
    url = f"/runs/{run.id}" + (f"?step={step.number}{keep}" if step is not None else "")
    new_errors = happened.raised_in(step) if step is not None else _unbegun(run)
    shows = step is not None and step.number in (stepper.failed_at, run.steps)
    head = head_of(run, incident_title, drives=drives, fails=fails, mends=mends, probes=probes)
    said = _happened(run, explanation, proof, head.as_it_should)
    well = (run.outcome == "ok" and not head.got_away) or head.as_it_should
    return Room(
        head=head,
        url=url,
        title=" · ".join(
            [f"run {run.id}", *([run.title] if run.title else []), run.program, run.stack]
            + ([stepper.position] if step is not None else [])
        ),
        started=step is not None,
        caption=_caption(run, step, names),
        new_errors=new_errors,
        about=_about(run.header.sources.get(main, "")) if run.header and well else "",
        happened=said,
        lead=said if shows else "",
        symptom=", ".join(new_errors) or _symptom(run, explanation),
        clock=words.seconds(frame.clock),
        stepper=stepper,
        choices=choices(
            frame,
            names,
            live=stepper.waiting and drives,
            taken=moment.after.choice.token if moment.after and moment.after.choice else None,
            scheduled=run.next_token if stepper.live else None,
            branch=branchable and drives and not stepper.live,
        ),
        matrix=matrix(frame, before, names, every=every, kept=kept),
        files=files,
        activity=backends.activity(frame, before, names),
        sessions=backends.sessions(frame, before, names, every=every),
        events=happened.events(step, names) if step is not None else (),
        output=happened.output(list(moment.written), names, stepper.number),
        outcome=_outcome(run, explanation),
        raised=raised(frame) if run.end is None else (),
        explanation=explanation,
        proof=proof,
        reasons=reasons(proof or (), frame, names, {file.name for file in files}, explanation),
        proof_title=title(run.end) if run.end else "",
        poll=_poll(run, stepper, step is not None, keep, proof, watchers),
        rev=run.rev,
        notice=notice,
        in_the_way=in_the_way,
        view=view,
        timeline=lanes,
        strip=_strip(overview, lanes, stepper, marked),
        branches=tree(family, run.id),
        known=known,
        inevitable=inevitable,
        fixes=tuple(fixes),
        spared=spared if run.outcome == "ok" else (),
        line=summary.line(run),
        notes=noted.lines(notes, stepper.number),
        drives=drives,
        present=present,
        task=task,
        conn=conn,
        cut=stretch(stepper.last, 0, len(frame.tasks)) != (0, stepper.last),
    )


@lru_cache(64)
def _about(text: str) -> str:
    """The first paragraph of a program's docstring."""
    try:
        told = ast.get_docstring(ast.parse(text))
    except SyntaxError:  # recorded under a Python that reads more than this one
        return ""
    return (told or "").partition("\n\n")[0]


def _strip(overview: Overview | None, lanes: Chart | None, stepper: Stepper, noted: frozenset[int]) -> Strip | None:
    """Needed where the lanes do not show the whole run at once."""
    if overview is None or lanes is None or lanes.whole:
        return None
    shown = (lanes.steps[0].number, lanes.steps[-1].number)
    return strip(overview, at=stepper.number, shown=shown, noted=noted, turn=stepper.turn)


def _happened(
    run: RunRecord, explanation: Explanation | None, proof: tuple[Clause, ...] | None, as_it_should: bool
) -> str:
    """From the proof; without one, what such an end means."""
    if run.end is None or run.outcome not in FAILURES:
        return ""
    if as_it_should:
        return AS_IT_SHOULD
    return headline(proof or (), run.end) or (f"{explanation.title}." if explanation else "")


def _symptom(run: RunRecord, explanation: Explanation | None) -> str:
    """What showed of the failure at the end of the run."""
    if explanation is not None and explanation.error:
        return words.shortened(f"“{explanation.task}”") + f" met {explanation.error}"
    broken = [f"“{one.name}”" for one in run.end.invariants if one.holds is False] if run.end else []
    return f"no error; broken: {', '.join(broken)}" if broken else words.driver_first(run.summary or "")


def _unbegun(run: RunRecord) -> tuple[str, ...]:
    """Why a run ended before its first step."""
    failed = run.end is not None and run.outcome in (*FAILURES, "invalid")
    return (sentence(run.end),) if run.end and failed and run.end.detail else ()


def _outcome(run: RunRecord, explanation: Explanation | None) -> Outcome | None:
    if run.end is None:
        return None
    return outcome(
        run.end,
        incident=run.incident,
        program=run.program,
        stack=run.stack,
        mode=run.mode,
        expected=run.expected,
        explained=explanation.task if explanation else "",
    )


def _caption(run: RunRecord, step: Step | None, names: Names) -> str:
    if step is not None:
        said = names.text(step.text) or "The program runs without gates; this is what could be seen of it."
        return said + happened.unheard(step)
    if run.over:
        return "This run ended before its first step."
    if run.status == "starting" and run.summary:
        return run.summary
    return (words.STATUSES.get(run.status) or words.unknown(run.status)).meaning


def _poll(
    run: RunRecord, stepper: Stepper, started: bool, keep: str, proof: tuple[Clause, ...] | None, watchers: int
) -> Poll | None:
    """Go on asking while the run can change, or it is not known yet why it ended so; a page that shows its last step
    follows it, another stays where it is.
    """
    here = f"&step={stepper.number}" if started and not stepper.live else ""
    url = f"/runs/{run.id}/live?rev={run.rev}{here}{keep}"
    if not run.over:
        return Poll(url, CALM if run.status == "waiting" else moving(watchers))
    return Poll(f"{url}&why=1", SLOW) if run.end is not None and proof is None else None
