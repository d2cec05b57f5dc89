"""Proofs that were worked out already: what the page of a finished run shows at every step is read from its steps once.

A finished run never changes, so nothing here can be wrong, only be forgotten. What takes long is worked out beside the
pages, which say so meanwhile: in a process of its own, for a thread would hold the interpreter while others step.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from threading import Thread

from dashboard.errors import PageError
from dashboard.errors import no_proof
from dashboard.findings.why import Clause
from dashboard.findings.why import History
from dashboard.findings.why import why
from dashboard.findings.why.turn import Turn
from dashboard.findings.why.turn import turn
from dashboard.processes import die_with_parent
from dashboard.store import RunRecord
from dashboard.store import Store
from dashboard.store import StoreDown

logger = logging.getLogger(__name__)

KEPT = 256
AT_ONCE = 50  # steps read together
UNUSED = ("activity",)
AT_SIGHT = 40_000  # steps times tasks: what is read before the page is shown
NICE = 10  # whoever waits for a page goes before


@dataclass(frozen=True)
class Proof:
    """What was read off a finished run."""

    clauses: tuple[Clause, ...]
    turn: Turn | None


class Proofs:
    """The proofs of the last runs that were looked at."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Proof] = OrderedDict()
        self._lock = Lock()  # of many who look at once one reads
        self._long = Lock()  # so too of what takes long, which keeps nobody from what does not
        self._aside = Lock()
        self._begun: set[int] = set()  # those that are worked out beside

    def of(self, store: Store, run: RunRecord, *, wait: bool = False) -> tuple[Clause, ...] | None:
        """Why a finished run ended as it did; None while it goes on, or while that is being worked out."""
        proof = self._of(store, run, wait=wait)
        return proof.clauses if proof is not None else None

    def turn(self, store: Store, run: RunRecord) -> Turn | None:
        """The first illegal sharing of a finished run; None too where it is not worked out yet."""
        proof = self._of(store, run)
        return proof.turn if proof is not None else None

    def _of(self, store: Store, run: RunRecord, *, wait: bool = False) -> Proof | None:
        if run.end is None:
            return None
        found = self._kept.get(run.id)
        if found is not None:
            return found
        if run.steps * max(1, len(run.end.tasks)) <= AT_SIGHT:
            with self._lock:
                return self._work_out(store, run, _read)
        if wait:
            with self._long:
                return self._work_out(store, run, elsewhere)
        with self._aside:
            if run.id not in self._begun:
                self._begun.add(run.id)
                Thread(target=self._beside, args=(store, run), name=f"why {run.id}", daemon=True).start()
        return None

    def known(self, run_id: int) -> bool:
        """Whether it was worked out already."""
        return run_id in self._kept

    def _beside(self, store: Store, run: RunRecord) -> None:
        try:
            self._of(store, run, wait=True)
        except (StoreDown, PageError) as error:  # whoever looks again has it worked out again
            logger.warning("%s", error)
        finally:
            with self._aside:
                self._begun.discard(run.id)

    def _work_out(self, store: Store, run: RunRecord, read: Callable[[Store, RunRecord], Proof]) -> Proof:
        proof = self._kept.get(run.id)
        if proof is None:
            proof = self._kept[run.id] = read(store, run)
            with self._aside:
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return proof


def _read(store: Store, run: RunRecord) -> Proof:
    history = History()
    for first in range(0, run.steps + 1, AT_ONCE):
        for step in store.steps(run.id, first, min(first + AT_ONCE - 1, run.steps), without=UNUSED):
            history.add(step)
    told = run.end is not None and run.end.outcome in ("ok", "error", "silent", "stuck", "hang", "crash")
    clauses = why(history, run.end, run.header.sources if run.header else {}) if run.end and told else ()
    return Proof(clauses, turn(history))


def elsewhere(store: Store, run: RunRecord) -> Proof:
    """The same, read by a process of its own. Raises `PageError` if that fails, `StoreDown` if that is why."""
    try:
        child = subprocess.run(
            [sys.executable, "-c", "from dashboard.runs import proofs; proofs.child()"],
            input=pickle.dumps((store.url, run)),
            capture_output=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    except OSError as error:
        raise no_proof(run.id, str(error)) from error
    if child.returncode != 0:
        store.ping()
        told = child.stderr.decode("utf-8", "replace").strip()
        logger.warning("Why run %s ended so: the process that reads it said %s", run.id, told or "nothing")
        raise no_proof(run.id, ": ".join([f"it ended with status {child.returncode}", *told.splitlines()[-1:]]))
    proof: Proof = pickle.loads(child.stdout)
    return proof


def child() -> None:
    """What that process does: it is told of a run, and answers with the proof."""
    os.nice(NICE)
    url, run = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(pickle.dumps(_read(Store(url), run)))
