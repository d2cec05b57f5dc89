"""What a run answers to the questions of a comparison (`catalogue.patterns`): read from its journal and its end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from threading import Lock

from dashboard.store import Store
from interlock.frame import End
from interlock.frame import Frame
from interlock.frame import Step

AT_ONCE = 50  # steps read together
KEPT = 512


@dataclass(frozen=True)
class Facts:
    """What a finished run says of its program."""

    outcome: str
    holds: Mapping[str, bool | None] = field(default_factory=dict)  # by rule
    at_once: int = 0  # statements under way at the same time,
    connections: int = 0  # and connections held, at most
    said: tuple[str, ...] = ()  # what it printed


def facts(steps: Iterable[Step], end: End, meanwhile: str) -> Facts:
    """Read a run; the task called `meanwhile`, and the connections it uses, are not part of the work."""
    at_once = connections = 0
    said: list[str] = []
    for step in steps:
        at_once = max(at_once, _under_way(step.frame, meanwhile))
        connections = max(connections, _held(step.frame, meanwhile))
        said += [event.text for event in step.events if event.kind == "stdout"]
    return Facts(end.outcome, {rule.name: rule.holds for rule in end.invariants}, at_once, connections, tuple(said))


def _under_way(frame: Frame, meanwhile: str) -> int:
    others = {task.id for task in frame.tasks if task.name == meanwhile}
    busy = (one for one in frame.connections if one.state in ("sent", "held", "blocked"))
    return sum(one.transaction == "open" and one.sent_by not in others for one in busy)


def _held(frame: Frame, meanwhile: str) -> int:
    others = {task.id for task in frame.tasks if task.name == meanwhile}
    return sum(one.checked_out and one.owner not in others for one in frame.connections)


class KnownFacts:
    """The facts of runs that were read already. A finished run never changes, so each is read once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Facts] = OrderedDict()
        self._lock = Lock()

    def of(self, store: Store, run_id: int, meanwhile: str) -> Facts | None:
        """What a run says, once it is over."""
        with self._lock:
            known = self._kept.get(run_id)
            if known is None:
                run = store.run(run_id)
                if run is None or run.end is None:
                    return None
                known = self._kept[run_id] = facts(_steps(store, run_id, run.steps), run.end, meanwhile)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return known


def _steps(store: Store, run_id: int, last: int) -> Iterator[Step]:
    for first in range(0, last + 1, AT_ONCE):
        yield from store.steps(run_id, first, min(first + AT_ONCE - 1, last))
