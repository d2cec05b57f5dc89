"""The proof in one sentence: what happened, and what came of it. It leads the page of a failed run.

The words are those of the clause on which the proof turns (`Clause.gist`); nothing is added that they do not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from dashboard.findings.why.clause import Clause
from dashboard.findings.why.clause import listed
from interlock.frame import End


def shown(clauses: Sequence[Clause]) -> Clause | None:
    """The clause that tells where the failure showed: where a task met its error, or where all stood still."""
    return next((one for one in clauses if one.claim in ("met", "stood")), None)


def remedy(clauses: Sequence[Clause]) -> str:
    """What to do against what the sentence says; "" where that is not known."""
    turned = turn(clauses)
    return turned.remedy if turned else ""


def headline(clauses: Sequence[Clause], end: End) -> str:
    """One sentence for somebody who reads nothing else; "" where the proof does not reach to what failed."""
    met = next((one for one in clauses if one.claim == "met"), None)
    if end.outcome == "error" and met is None:
        return ""
    turned = turn(clauses)
    cause = turned.gist or turned.text if turned else ""
    if not cause:
        return ""
    cause = cause[0].upper() + cause[1:]
    if met is not None:
        names = {task.id: task.name for task in end.tasks}
        failed = listed([f"“{names[task]}”" for task in met.tasks])
        return f"{cause}, so {failed} failed{_others(clauses, met, names) or _broken(end)}."
    return cause + {"silent": ", and no task failed.", "stuck": ": nothing can move any more."}.get(end.outcome, ".")


def _others(clauses: Sequence[Clause], met: Clause, names: Mapping[str, str]) -> str:
    """Whom it hurt besides: who failed later, or was told of no failure at all."""
    also = [f"“{names[task]}”" for one in clauses if one.claim == "met" and one is not met for task in one.tasks]
    if also:
        at = list(clauses).index(met) + 1
        before, after = ({label for one in part for label in one.connections} for part in (clauses[:at], clauses[at:]))
        same = " on the same connection" if len(after) == 1 and after <= before else ""
        return f", and then {listed(also)}{same}"
    later = next((one.gist for one in clauses if one.gist and one.step > met.step), "")
    return f"; later {later}" if later else ""


def _broken(end: End) -> str:
    """The rules that are broken besides, which no error tells."""
    rules = [f"“{rule.name}”" for rule in end.invariants if rule.holds is False]
    return f"; broken: {rules[0]}" + (f" and {len(rules) - 1} more" if len(rules) > 1 else "") if rules else ""


def turn(clauses: Sequence[Clause]) -> Clause | None:
    """The clause on which the proof turns: the first that tells what happened, else what the schedule did."""
    met = next((one for one in clauses if one.claim == "met"), None)
    before = [one for one in clauses if met is None or one.step <= met.step]
    fault = next((one for one in before if one.claim == "fault"), None)
    return next((one for one in before if one.gist), fault)
