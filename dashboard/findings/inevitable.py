"""After which step of a failing run nothing helped any more: a search by continuations, and what it has shown. Pure.

A continuation does as the run did for its first steps, and is drawn by chance from there on. One that ends well proves
a way out not only where it left the run but after every step before that: it shares them all. So there is one last step
with a way out, as far as was found, and the next one is where the failure became inevitable, as far as was tried. The
search halves what lies between, then spends the rest of its tries on the step it came to and those after it, where a
single way out would disprove it and send it on.
"""

from __future__ import annotations

from collections import Counter
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from dashboard.findings.tally import FAILING
from dashboard.findings.tally import shared
from interlock import schedule
from interlock.frame import End
from interlock.orders import Orders

BATCH = 8  # continuations that are asked for together
PROBE = 16  # tries until a step is taken, for the time being, for one without a way out
GOLDEN = 0.618034  # the multiples of it, without what stands before the point, lie evenly wherever one stops


@dataclass(frozen=True)
class Ask:
    """Continuations to try: the first `follow` steps of the run, then these seeds."""

    follow: int
    seeds: range
    known: Orders = field(default_factory=Orders)  # what the engine knows of them, from one asking to the next


@dataclass(frozen=True)
class Try:
    """A continuation that came to an end of its own."""

    follow: int
    shared: int  # the last step up to which it is the recorded run; never less than it followed
    end: End
    seed: int | None  # None: it was aimed at

    @property
    def away(self) -> bool:
        return self.end.outcome == "ok"

    @property
    def effort(self) -> tuple[int, str]:
        return len(self.end.schedule), self.end.schedule


@dataclass(frozen=True)
class WayOut:
    """A continuation that ended well."""

    after: int  # the last step that it has in common with the run
    schedule: str
    summary: str


@dataclass(frozen=True)
class Found:
    """What the search has shown. Nothing is claimed of continuations that were not tried."""

    step: int  # after it every continuation tried failed
    failed: int  # so many were tried from there on
    schedules: int  # different ones among them
    alike: int  # of `failed` those that ended as the run did; the others failed in other ways
    last_out: int  # the last step after which one got away; -1: none did, not even from the start
    away: int  # of those drawn from there so many got away,
    drawn: int  # of so many
    tried: int  # in the whole search
    void: int  # of them, so many came to no end of their own, which says nothing
    every: bool  # those from `step` on are all that there are
    doubt: str  # why a continuation may end in another way another time
    settled: bool  # nothing is left between `last_out` and `step`, and as many were tried as were asked for
    ways_out: tuple[WayOut, ...]  # the one that leaves the run last, if there is any

    @property
    def known(self) -> bool:
        """There is a step to point at: some were tried from it on, or the one before it is known to have a way out."""
        return self.failed > 0 or self.last_out == self.step - 1 >= 0


class Search:
    """Says what to try next, and is told what came of it."""

    def __init__(self, plan: Mapping[int, str], last: int, failed: int, signature: str, wanted: int) -> None:
        """`plan` is the run's schedule, `last` its last step, `failed` the one by which it had failed for certain.

        `wanted` is how many are to be tried from the step that the search comes to.
        """
        self._plan = plan
        self._last = last
        self._failed = failed
        self._signature = signature
        self._wanted = wanted
        self._tries: list[Try] = []
        self._asked: Counter[int] = Counter()  # tries that told something, by how far they followed
        self._known: defaultdict[int, Orders] = defaultdict(Orders)
        self._void = 0
        self._made_again = False
        self._seed = 0
        self.broken = ""  # why there is nothing to find out

    def next(self) -> Ask | None:
        """What to try now; None: as much was tried as was wanted, or nothing can be found out."""
        if self.broken:
            return None
        if not self._made_again:
            return Ask(self._last, range(1))
        follow = self._where()
        if follow is None:
            return None
        self._seed += BATCH
        return Ask(follow, range(self._seed - BATCH, self._seed), self._known[follow])

    def add(self, follow: int, seed: int | None, end: End) -> None:
        if not self._made_again:
            self._made_again = end.signature == self._signature
            if not self._made_again:
                self.broken = f"Its schedule does not make the run again. It ended as {end.outcome}: {end.summary}"
        elif end.outcome == "ok" or end.outcome in FAILING:
            common = shared(self._plan, schedule.parse(end.schedule).deviations)
            self._tries.append(Try(follow, max(follow, self._last if common is None else common), end, seed))
            self._asked[follow] += 1
        else:
            self._void += 1
            if self._void >= max(2 * PROBE, 4 * len(self._tries)):
                self.broken = f"Too many continuations come to no end of their own. The last one: {end.summary}"

    def _where(self) -> int | None:
        """From which step to try next."""
        out, step = self.last_out, self.step
        if step - out > 1:
            return (out + step) // 2
        if out >= 0 and self._asked[out] < PROBE:
            return out
        spent = sum(tries for follow, tries in self._asked.items() if follow >= step)
        if step >= self._last or spent >= self._wanted or self._known[step].whole:
            return None
        behind = range(step + 1, self._failed)  # a way out from one of these is one from `step` as well
        turn = spent // BATCH
        return behind[int(turn * GOLDEN % 1 * len(behind))] if turn % 2 and behind else step

    @property
    def last_out(self) -> int:
        """The last step after which a way out is known; -1: none is."""
        return max((one.shared for one in self._tries if one.away), default=-1)

    @property
    def step(self) -> int:
        """The first step behind it from which enough were tried, and all failed; else the one by which it had."""
        out = self.last_out
        return min((at for at, tries in self._asked.items() if at > out and tries >= PROBE), default=self._failed)

    @property
    def tried(self) -> int:
        return len(self._tries) + self._void

    def found(self) -> Found:
        out, step = self.last_out, self.step
        behind = [one for one in self._tries if one.shared >= step]
        drawn = [one for one in self._tries if one.follow <= out <= one.shared]
        ways = sorted((one for one in self._tries if one.away and one.shared == out), key=lambda one: one.effort)
        return Found(
            step=step,
            failed=len(behind),
            schedules=len({one.end.schedule for one in behind}),
            alike=sum(one.end.signature == self._signature for one in behind),
            last_out=out,
            away=sum(one.away for one in drawn),
            drawn=len(drawn),
            tried=self.tried,
            void=self._void,
            every=self._known[step].whole and not self._void,
            doubt=next((orders.doubt for orders in self._known.values() if orders.doubt), ""),
            settled=self._made_again and not self.broken and self._where() is None,
            ways_out=tuple(WayOut(out, one.end.schedule, one.end.summary) for one in ways[:1]),
        )


def search_of(end: End, failed_at: int | None, wanted: int) -> Search:
    """The search for a run that ended so. What it died of was its next choice, which no step tells of."""
    last = end.steps + 1 if end.outcome in ("hang", "crash") else end.steps
    failed = failed_at if end.outcome == "error" and failed_at is not None else last
    return Search(schedule.parse(end.schedule).deviations, last, failed, end.signature, wanted)
