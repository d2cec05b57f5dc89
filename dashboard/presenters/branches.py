"""The tree of a run's branches, flat: each run under the one it branched from, with what was chosen where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.presenters import words
from dashboard.presenters.words import Mark
from dashboard.store.records import RunRow

LIVE = Mark("not over", "●", "busy", "It goes on, or waits for somebody.")
"""What it does meanwhile changes with each of its steps; of these its family does not hear."""
DEEPEST = 6
"""From here on lines are not moved in any further."""


@dataclass(frozen=True)
class BranchLine:
    id: int
    depth: int
    parent: int | None
    step: int | None  # of the parent, at which another choice was made
    text: str
    mark: Mark
    here: bool  # it is the run of this page


def tree(family: Sequence[RunRow], here: int) -> tuple[BranchLine, ...]:
    """The runs of a family, parents before children, older before newer; none if there is but one."""
    if len(family) < 2:
        return ()
    known = {run.id: run for run in family}
    root = next((run.id for run in family if run.parent is None), min(known))
    children: dict[int, list[int]] = defaultdict(list)
    for run in sorted(family, key=lambda run: run.id, reverse=True):
        if run.id != root:  # a run whose parent is left out, of very many, hangs on the root
            children[run.parent if run.parent is not None and run.parent in known else root].append(run.id)
    lines: list[BranchLine] = []
    open_: list[tuple[int, int]] = [(root, 0)]
    while open_:
        number, depth = open_.pop()
        lines.append(_line(known[number], min(depth, DEEPEST), here))
        open_ += [(child, depth + 1) for child in children[number]]
    return tuple(lines)


def _line(run: RunRow, depth: int, here: int) -> BranchLine:
    return BranchLine(
        id=run.id,
        depth=depth,
        parent=run.parent,
        step=run.branch,
        text=run.title or f"{run.program} · {run.stack} · {run.mode}",
        mark=words.of_run(run.status, run.outcome) if run.outcome else LIVE,
        here=run.id == here,
    )
