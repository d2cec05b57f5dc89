"""The course of a run: what its schedule asks for and who decides after that, how it differed from what would have
happened anyway, and where the schedule had to be left.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Optional

from interlock import strategy
from interlock.frame import Choice
from interlock.frame import Event
from interlock.job import Job
from interlock.orders import Aim
from interlock.schedule import Schedule
from interlock.schedule import parse

MUST = ("replay", "step", "random")  # modes in which the schedule is followed, or the run is another one
STOP = "stop"  # what `ask` returns, instead of a token, if the run is to end


class Stopped(Exception):
    """The run was ended by hand."""


class Diverged(Exception):
    """The schedule asks for the impossible; the text says for what, and what was possible."""


class Course:
    """Of one run. `ask` waits for a person's choice: its token, "" for the default or `STOP`. `chose` hears of each
    deviation at once, `tell` of where the schedule is left. Needs `begin` before anything is chosen.
    """

    def __init__(
        self, job: Job, ask: Callable[[], str], chose: Callable[[int, str], None], tell: Callable[[Event], None]
    ) -> None:
        self.schedule = Schedule()  # that is to be followed
        self.deviations: dict[int, str] = {}  # as carried out
        self.drawn: list[tuple[strategy.Offer, str]] = []  # by chance so far
        self.parted_at: Optional[int] = None
        self.parted = ""  # what was asked and what was possible there
        self._job = job
        self._ask = ask
        self._chose = chose
        self._tell = tell
        self._decide = strategy.replaying(self.schedule)

    def begin(self) -> None:
        """Find out who decides. Raises `ScheduleError`."""
        self.schedule = parse(self._job.schedule)
        if self._job.mode == "step":
            self._decide = strategy.replaying(self.schedule, lambda step, choices: self._ask(), self._job.follow)
        elif self._job.mode == "random":
            self.draw(Aim(self._job.seed or 0))
        else:
            self._decide = strategy.replaying(self.schedule)

    def draw(self, aim: Aim) -> None:
        """Chance decides, after the steps that are to follow the schedule."""
        chance = strategy.seeded(aim.seed, aim.first, lambda offered, token: self.drawn.append((offered, token)))
        self._decide = strategy.replaying(self.schedule, chance, self._job.follow)

    def choose(self, step: int, choices: Sequence[Choice], fault: Callable[[str], Optional[Choice]]) -> Choice:
        """What happens at this step; `fault` finds what does not come by itself. Raises `Stopped`, `Diverged`."""
        usual = strategy.default(choices)
        token = self._decide(step, choices) or usual
        if token == STOP:
            raise Stopped(Stopped.__doc__)
        choice = next((one for one in choices if one.token == token), None) or fault(token)
        if choice is None:
            choice = self._part(step, token, choices)
        if choice.token != usual:
            self.deviations[step] = choice.token
            self._chose(step, choice.token)
        return choice

    def _part(self, step: int, token: str, choices: Sequence[Choice]) -> Choice:
        """The schedule asks for the impossible. A run that follows it as far as it goes leaves it here, which is said,
        and from now on the default comes.
        """
        text = strategy.divergence(step, token, choices)
        if self._job.mode != "follow":
            raise Diverged(text)
        self.parted_at, self.parted = step, text
        self._tell(Event("parted", f"{text} From here on what comes by default is carried out."))
        self._decide = strategy.replaying(Schedule())
        return next(choice for choice in choices if choice.default)

    def left(self, step: int) -> dict[int, str]:
        """What the schedule asks for at this step and after it."""
        asked = (item for item in self.schedule.deviations.items() if item[0] >= step)
        bounded = self._job.mode in ("step", "random")
        return {at: token for at, token in asked if not bounded or at <= self._job.follow}

    def cut_short(self, step: int, why: str) -> str:
        """The run is over before this step: what its schedule still asks for, of a run that had to do all of it."""
        left = self.left(step)
        return strategy.divergence(*min(left.items()), [], why) if left and self._job.mode in MUST else ""

    def part_at_end(self, step: int) -> None:
        """The same of one that follows as far as it goes: it has parted there."""
        left = self.left(step)
        if left and self._job.mode == "follow" and self.parted_at is None:
            at, token = min(left.items())
            self.parted_at = at
            self.parted = f"The schedule asks for {token} at step {at}; the run was over at step {step - 1}."
