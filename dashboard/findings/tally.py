"""What came of many orders of one program: how often it ended how, and the shortest schedule of each. Pure.

An order is tried by one seeded run, or was by one before it. What is counted here was seen; that there is no other
order is said only if the engine knows that it has tried them all (`interlock.orders`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

from interlock import schedule
from interlock.frame import End
from interlock.orders import Orders
from interlock.strategy import OUTAGE

FAILING = ("error", "silent", "hang", "crash", "stuck")
"""The ends of a program that failed."""
VOID = ("diverged", "invalid", "interrupted", "stopped")
"""What tells nothing of the program: it was not run, or not to its end."""
BOUND = f"those with a fault, and those in which a reply is kept back for more than {OUTAGE:g} s"
"""What is no order of an exploration that has tried every order."""
MOST = 60  # ends that are told apart


@dataclass(frozen=True)
class Group:
    """Runs that came to the same, with the shortest schedule among them."""

    outcome: str
    signature: str
    summary: str
    count: int
    schedule: str
    seed: int | None  # None: it was aimed at
    steps: int  # -1: the run could not tell any more
    distinct: int = 1  # schedules among them

    @property
    def effort(self) -> tuple[int, int, bool, int]:
        """How far its schedule is from what comes by itself."""
        aimed = self.seed is None
        return len(schedule.parse(self.schedule).deviations), len(self.schedule), aimed, self.seed or 0


@dataclass(frozen=True)
class Rule:
    """How often the data was judged by a rule, and broke it."""

    name: str
    judged: int
    broken: int


@dataclass(frozen=True)
class Tally:
    """What came of the orders so far: the most frequent end first."""

    tried: int = 0
    distinct: int = 0  # schedules among them
    groups: tuple[Group, ...] = ()
    rules: tuple[Rule, ...] = ()
    others: int = 0  # orders that ended in yet another way, past the bound on groups
    every: bool = False  # these are all orders that there are
    doubt: str = ""  # why an order may end in another way another time

    def ended(self, *outcomes: str) -> int:
        return sum(group.count for group in self.groups if group.outcome in outcomes)

    @property
    def failed(self) -> int:
        return self.ended(*FAILING)

    @property
    def void(self) -> int:
        return self.ended(*VOID)


@dataclass
class Counting:
    """Counts ends as they come."""

    known: Orders = field(default_factory=Orders)  # what the engine knows of the orders
    groups: dict[str, Group] = field(default_factory=dict)
    schedules: set[str] = field(default_factory=set)
    ways: set[tuple[str, str]] = field(default_factory=set)  # a schedule, and the signature of what came of it
    judged: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    others: int = 0

    def add(self, seed: int | None, end: End) -> None:
        self.tried += 1
        fresh = (end.schedule, end.signature) not in self.ways
        self.ways.add((end.schedule, end.signature))
        self.schedules.add(end.schedule)
        for rule in end.invariants:
            self.judged[rule.name] += rule.holds is not None
            self.broken[rule.name] += rule.holds is False
        met = Group(end.outcome, end.signature, end.summary, 1, end.schedule, seed, end.steps)
        known = self.groups.get(end.signature)
        if known is not None:
            least = min(met, known, key=lambda one: one.effort)
            self.groups[end.signature] = replace(least, count=known.count + 1, distinct=known.distinct + fresh)
        elif len(self.groups) < MOST:
            self.groups[end.signature] = met
        else:
            self.others += 1

    def tally(self) -> Tally:
        groups = sorted(self.groups.values(), key=lambda one: (-one.count, one.effort))
        rules = tuple(Rule(name, self.judged[name], self.broken[name]) for name in self.judged)
        every, doubt = self.known.whole, self.known.doubt
        return Tally(self.tried, len(self.schedules), tuple(groups), rules, self.others, every, doubt)


def shared(one: Mapping[int, str], other: Mapping[int, str]) -> int | None:
    """The last step up to which two schedules of one program are the same run; None: to the end."""
    apart = [step for step in {*one, *other} if one.get(step) != other.get(step)]
    return min(apart) - 1 if apart else None
