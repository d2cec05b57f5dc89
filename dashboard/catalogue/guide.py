"""The field guide: which incidents fit what somebody saw, be it a word, a line of a log or a whole traceback."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dashboard.catalogue.incidents import Incident
from dashboard.findings.explain import Symptom
from dashboard.findings.explain import diagnose
from dashboard.findings.explain import symptoms

LONGEST = 1000
"""Characters of a search. A request line has its bounds, and three bytes may be needed for each."""
MOST_WORDS = 40
"""More of them in a search are a text that was pasted, and of that only known errors count."""
MODULE = re.compile(r"\b(?:\w+\.)+(?=[A-Z])")
"""What stands before the name of an error: "sqlalchemy.exc." """
BEGINS = r"(?:(?<![A-Za-z0-9])|(?-i:(?<=[a-z])(?=[A-Z])))"
"""Where a word begins, also within a name: "hang" is not in "change", and "pool" is in "QueuePool"."""


@dataclass(frozen=True)
class Found:
    """The incidents that fit, the best first, and the error in the text if it is one that is known."""

    known: Symptom | None
    incidents: tuple[Incident, ...]


def look_up(text: str, incidents: Sequence[Incident]) -> Found:
    """What fits a text; all of it if there is none."""
    known = first_known(text)
    ranks = ((_rank(text, known, incident), incident) for incident in incidents)
    fitting = [(rank, incident) for rank, incident in ranks if rank is not None]
    return Found(known, tuple(incident for _, incident in sorted(fitting, key=lambda found: found[0])))


def first_known(text: str) -> Symptom | None:
    """The known error that stands first in a text: in a chain of tracebacks the later ones mostly came of it."""
    return min(_places(text), key=lambda found: found[:2], default=(0, 0, None))[2]


def _places(text: str) -> Iterator[tuple[int, int, Symptom]]:
    for number, symptom in enumerate(symptoms()):
        for pattern in symptom.patterns:
            if found := pattern.search(text):
                yield found.start(), number, symptom


def _rank(text: str, known: Symptom | None, incident: Incident) -> int | None:
    """How well it fits: 0 is best, None not at all."""
    if known is not None:
        if _meaning(incident.symptom) is known:
            return 0
        shown = {sign.title: sign for error in _errors(incident) if (sign := _meaning(error))}
        if known.title in shown:
            return 1
        if known.family in {sign.family for sign in shown.values()}:
            return 2
    words = MODULE.sub("", text).split()
    if len(words) > MOST_WORDS:
        return None
    if _has(words, (incident.name, incident.title, incident.symptom)):
        return 3
    if known is not None:  # that its words stand somewhere in a story says nothing
        return None
    texts = tuple(_texts(incident))
    if _has([" ".join(words)], texts):
        return 4
    return 5 if _has(words, texts) else None


def _errors(incident: Incident) -> Iterator[str]:
    yield from incident.also
    for program in incident.programs:
        yield from (expected.error for expected in program.expectations.values() if expected.error)


@lru_cache(maxsize=1024)
def _meaning(error: str) -> Symptom | None:
    return diagnose(error)


def _texts(incident: Incident) -> Iterator[str]:
    yield from (incident.name, incident.title, incident.symptom, incident.summary, incident.story.striptags())
    yield from _errors(incident)
    for program in incident.programs:
        yield from (program.name, program.title, *program.expectations)
        yield from (one.outcome for one in program.expectations.values() if one.outcome not in ("ok", "error"))


def _has(words: Sequence[str], texts: Iterable[str]) -> bool:
    whole = " ".join(" ".join(texts).split())
    return all(re.search(BEGINS + re.escape(word), whole, re.IGNORECASE) for word in words)
