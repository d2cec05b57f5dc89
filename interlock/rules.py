"""The rules that an incident declares for its data: which are kept while a run goes on, and at its end.

They are asked after every step in which the data may have changed or a task has ended, so that a failure which nobody
is told of has a step as well: the one from which on a rule was broken, until the end. Of tasks they are told what came
of those that have ended; at the end, of all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Optional

from interlock import lab
from interlock.frame import Event
from interlock.frame import InvariantOutcome
from interlock.frame import TaskOutcome
from interlock.job import Invariant

MAX_ROWS = 20  # of those that break a rule, in its detail
TOLD = 200  # characters of them that are told while the run goes on

# The rules join what came of the tasks as a table. A view of a setting, since making it a table would write to the lab.
OUTCOME_VIEW = """
create temp view outcome as
select task, outcome, error_type, error_message
  from json_to_recordset(nullif(current_setting('interlock.outcome', true), '')::json)
       as one(task text, outcome text, error_type text, error_message text)
"""

# While the run goes on nobody may notice that they are asked, nor wait long for the answer. Who holds a lock against
# readers makes it unknown for that step.
IN_PASSING = "set_config('lock_timeout', '100ms', true), set_config('statement_timeout', '2s', true)"
AT_THE_END = "set_config('lock_timeout', '2s', false), set_config('statement_timeout', '10s', false)"


class Rules:
    """The rules of one run, asked through the engine's own connection to the lab, which `open` prepares."""

    def __init__(self, invariants: Sequence[Invariant]) -> None:
        self._invariants = invariants
        self._asked: list[Invariant] = []  # those that the server understands by now
        self._broken: dict[str, bool] = {}  # by name, as far as it is known
        self._since: dict[str, int] = {}  # by name: the step in which it came to be broken, if that was seen

    def open(self, control: lab.Lab) -> None:
        """A new connection is to be asked from now on. Raises `lab.LabError`."""
        control.query(OUTCOME_VIEW)
        self._asked = []

    def broken_since(self, names: Sequence[str]) -> Optional[int]:
        """The first step from which on one of these rules was broken for good, if that was seen."""
        return min((self._since[name] for name in names if name in self._since), default=None)

    def look(self, control: lab.Lab, tasks: Sequence[TaskOutcome], step: int) -> list[Event]:
        """Ask in passing; tells of those that are broken now and were not, and the other way round.

        Where they cannot be asked, nothing is known, and what is found broken after that has no step that it began in.
        """
        try:
            found = self._ask(control, tasks)
        except lab.LabError:
            lost, self._broken, self._since = list(self._since), {}, {}
            return [Event("rule", f"the rule “{name}” could not be asked for now") for name in lost]
        events = []
        for invariant, broken in found:
            name = invariant.name
            if broken and self._broken.get(name) is False:
                self._since[name] = step
                events.append(Event("rule", f"the rule “{name}” is broken now: {_how(control, invariant, tasks)}"))
            elif not broken and self._broken.get(name):
                self._since.pop(name, None)
                events.append(Event("rule", f"the rule “{name}” is kept now"))
            self._broken[name] = broken
        return events

    def _ask(self, control: lab.Lab, tasks: Sequence[TaskOutcome]) -> list[tuple[Invariant, bool]]:
        """Those that can be asked by now, each with whether it is broken. A rule may name what is yet to be made."""
        if len(self._asked) < len(self._invariants):
            self._prepare(control)
        if not self._asked:
            return []
        (row,) = control.query(f"select {IN_PASSING}, {_outcome(tasks)}; execute rules_{len(self._asked)}")
        return [(one, cell == "t") for one, cell in zip(self._asked, row)]

    def _prepare(self, control: lab.Lab) -> None:
        """Have the server know them all; or else those that it understands."""
        try:
            self._asked = _prepared(control, self._invariants)
        except lab.LabError:
            known = [one for one in self._invariants if one in self._asked or _understood(control, one)]
            if len(known) > len(self._asked):
                self._asked = _prepared(control, known)

    def check(self, control: lab.Lab, tasks: Sequence[TaskOutcome]) -> tuple[InvariantOutcome, ...]:
        """Ask which rules the data breaks, now that it is known what came of the tasks."""
        if not self._invariants:
            return ()
        try:
            control.query(f"select {AT_THE_END}, {_outcome(tasks, local=False)}")
        except lab.LabError as error:
            return tuple(InvariantOutcome(one.name, None, str(error)) for one in self._invariants)
        return tuple(_checked(control, one) for one in self._invariants)


def _exists(invariant: Invariant) -> str:
    return f"exists (\n{invariant.sql.strip().rstrip(';')}\n)"


def _prepared(control: lab.Lab, invariants: Sequence[Invariant]) -> list[Invariant]:
    """Make it one question, whose name has their number in it."""
    broken = ", ".join(_exists(one) for one in invariants)
    control.query(f"select {IN_PASSING}; prepare rules_{len(invariants)} as select {broken}")
    return list(invariants)


def _understood(control: lab.Lab, invariant: Invariant) -> bool:
    try:
        control.query(f"select {IN_PASSING}; explain select {_exists(invariant)}")
    except lab.LabError:  # the end of the run says what is wrong with it
        return False
    return True


def _how(control: lab.Lab, invariant: Invariant, tasks: Sequence[TaskOutcome]) -> str:
    """The rows that break it, or why they cannot be had."""
    try:
        rows = control.query(f"select {IN_PASSING}, {_outcome(tasks)}; {invariant.sql}")
    except lab.LabError as error:
        return f"by what, could not be asked: {error}"
    shown = " ".join(_shown(control.columns, rows[:MAX_ROWS]).split())
    return shown if len(shown) <= TOLD else shown[: TOLD - 1] + "…"


def _checked(control: lab.Lab, invariant: Invariant) -> InvariantOutcome:
    try:
        broken = control.query(invariant.sql)
    except lab.LabError as error:
        return InvariantOutcome(invariant.name, None, f"It could not be checked: {error}")
    return InvariantOutcome(invariant.name, not broken, _shown(control.columns, broken[:MAX_ROWS]))


def _shown(columns: Sequence[str], rows: Sequence[lab.Row]) -> str:
    """Rows in words, each value with the name that the rule gives it, if it does.

    >>> _shown(["balance", "should_be"], [("120", "130"), ("90", None)]), _shown(["?column?"], [("nobody is there",)])
    ('balance = 120, should_be = 130; balance = 90, should_be = NULL', 'nobody is there')
    """
    return "; ".join(", ".join(_named(name, cell) for name, cell in zip(columns, row)) for row in rows)


def _named(column: str, cell: Optional[str]) -> str:
    value = "NULL" if cell is None else cell
    return value if column == "?column?" else f"{column} = {value}"


def _outcome(tasks: Sequence[TaskOutcome], *, local: bool = True) -> str:
    """An expression that makes the view `outcome` show these: in this transaction only, or from now on."""
    told = [
        {
            "task": task.name,
            "outcome": task.outcome,
            "error_type": task.errors[0].type if task.errors else None,
            "error_message": task.errors[0].message.replace("\0", "") if task.errors else None,
        }
        for task in tasks
    ]
    return f"set_config('interlock.outcome', {lab.literal(json.dumps(told))}, {'true' if local else 'false'})"
