"""The page that is one file: which steps of a run it holds, packed, and free of references."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from collections.abc import Iterator

MOST_STEPS = 1000
MOST_WORK = 40_000  # steps times tasks: what is drawn within seconds, and a browser unpacks at once


def stretch(last: int, around: int, tasks: int) -> tuple[int, int]:
    """The first and the last step that a file holds: all of them, or as many as are bearable around one."""
    most = max(1, min(MOST_STEPS, MOST_WORK // max(1, tasks)))
    first = max(0, min(around - most * 3 // 4, last - most + 1))
    return first, min(last, first + most - 1)


def packed(first: int, steps: Iterable[Iterable[str]]) -> Iterator[str]:
    """The pieces of HTML of each step as text that the script of the file unpacks, bit by bit as they are made.

    Each is kept once: most of a step's panels are those of the step before.
    """
    squeezed, left = zlib.compressobj(9), b""
    for text in _as_json(first, steps):
        left += squeezed.compress(text.encode())
        whole = len(left) - len(left) % 3  # only at the very end may base64 fill up
        if whole:
            yield base64.b64encode(left[:whole]).decode()
            left = left[whole:]
    yield base64.b64encode(left + squeezed.flush()).decode()


def _as_json(first: int, steps: Iterable[Iterable[str]]) -> Iterator[str]:
    places: dict[str, int] = {}
    rows = []
    yield f'{{"first":{first},"fragments":['
    for step in steps:
        row = []
        for html in step:
            if html not in places:
                yield "," * bool(places) + json.dumps(html, ensure_ascii=False)
            row.append(places.setdefault(html, len(places)))
        rows.append(row)
    yield f'],"steps":{json.dumps(rows, separators=(",", ":"))}}}'


def fingerprint(text: str) -> str:
    """How a Content-Security-Policy names an inline script or style that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Colours of a drawing that stands alone


DRAWN = (".bar", ".word", ".dot", ".link", ".head", ".ground", ".sign", ".lanes .row", ".lanes .now", ".lanes .kept")
"""The rules of the timeline's style sheet that are about its drawing; each stands in a line of its own."""


def drawing_style(tokens: str, rules: str) -> str:
    """The style of a drawing with the light colours spelled out: not every program that shows SVG knows variables."""
    root = tokens.partition("}")[0]
    values = {name: value.strip() for name, value in re.findall(r"--([\w-]+): ([^;]+);", root)}
    values = {name: re.sub(r"light-dark\(([^,]+), [^)]+\)", r"\1", value) for name, value in values.items()}
    text = "\n".join(line for line in rules.splitlines() if line.startswith(DRAWN))
    for _ in range(2):  # a value may name another one
        text = re.sub(r"var\(--([\w-]+)\)", lambda match: values[match.group(1)], text)
    return re.sub(r"color-mix\(in srgb, #(\w{6}) (\d+)%, #(\w{6})\)", _mixed, text)


def _mixed(match: re.Match[str]) -> str:
    one, share, other = match.group(1), int(match.group(2)) / 100, match.group(3)
    parts = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (0, 2, 4)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)
