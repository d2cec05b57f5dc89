"""The made-up run of the gallery as it might have ended otherwise: each way in which a run is no success."""

from __future__ import annotations

from dataclasses import replace

from dashboard.findings.why import Clause
from dashboard.findings.why import of_journal
from dashboard.gallery import sample
from dashboard.store import RunRecord
from interlock.frame import End
from interlock.frame import InvariantOutcome
from interlock.frame import TaskOutcome

_STACK = 'File "/lib/python3.11/threading.py", line 320 in wait\nFile "/run/broken.py", line 14 in find_user\n'
_PENDING = tuple(TaskOutcome(one.id, one.name, "pending") for one in sample.END.tasks)
_RETURNED = tuple(TaskOutcome(one.id, one.name, "value", "None") for one in sample.END.tasks)
_HELD = tuple(InvariantOutcome(one.name, True) for one in sample.END.invariants)


def _run(outcome: str, summary: str, *, expected: bool | None = None, **more: object) -> RunRecord:
    end = replace(sample.END, outcome=outcome, summary=summary, failed_at=None, **more)  # type: ignore[arg-type]
    return replace(
        sample.RUN, outcome=outcome, summary=summary, failed_at=None, expected=expected, end=end, signature="7ad1c0de"
    )


SILENT = _run("silent", "3 tasks returned; a rule is broken", tasks=_RETURNED)
STUCK = _run("stuck", "3 tasks never ended", tasks=_PENDING, invariants=())
HANG = _run("hang", "the event loop stood still", tasks=_PENDING, invariants=(), detail=_STACK)
OK = _run("ok", "3 tasks returned", tasks=_RETURNED, invariants=_HELD, expected=True)
CRASH = _run("crash", "the process died", tasks=(), invariants=(), detail="It was killed by signal 9.")
DIVERGED = _run("diverged", "the schedule could not be followed", invariants=(), detail="At step 2 there was no c3.")
INTERRUPTED = replace(_run("interrupted", "its worker is gone", tasks=(), invariants=()), status="interrupted")


def proof(run: RunRecord) -> tuple[Clause, ...]:
    """Why it ended so, from the steps of the made-up run."""
    assert run.header is not None
    assert isinstance(run.end, End)
    return of_journal([run.header, *sample.STEPS, run.end])
