"""Timelines that were folded already: what a page shows again at every step is read from the store once.

A step never changes once it is written, so nothing here can be wrong, only be forgotten: the store has it all.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from dashboard.findings.timeline import Timeline
from dashboard.findings.timeline import follow
from dashboard.runs.overview import Overview
from dashboard.runs.overview import grown
from dashboard.store import Store

KEPT = 64
WHOLE = 16  # runs; one may have as many steps as a journal can hold
UNUSED = ("activity", "choices", "sessions")


class Timelines:
    """The last few stretches of runs that were looked at."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Timeline] = OrderedDict()
        self._whole: OrderedDict[int, Overview] = OrderedDict()
        self._lock = Lock()

    def of(self, store: Store, run_id: int, first: int, last: int) -> Timeline:
        """The timeline of a run's steps from `first` to `last`, as far as they are there."""
        with self._lock:
            timeline = self._kept.get((run_id, first), Timeline())
        have = timeline.last if timeline.beats else first - 1
        if have >= last:
            return timeline
        for step in store.steps(run_id, have + 1, last, without=UNUSED):
            timeline = follow(timeline, step)
        with self._lock:
            self._kept[run_id, first] = timeline
            self._kept.move_to_end((run_id, first))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return timeline

    def whole(self, store: Store, run_id: int, last: int) -> Overview:
        """All of a run up to a step, in little."""
        with self._lock:
            overview = self._whole.get(run_id, Overview())
        have = len(overview.steps) - 1
        if have >= last:
            return overview
        captions = store.captions(run_id, have + 1)
        if captions:
            overview = grown(overview, captions, store.orphaned(run_id, have + 1, captions[-1].number))
        with self._lock:
            self._whole[run_id] = overview
            self._whole.move_to_end(run_id)
            while len(self._whole) > WHOLE:
                self._whole.popitem(last=False)
        return overview
