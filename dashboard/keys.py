"""The keyboard, as a table. It makes the `?` help, the `aria-keyshortcuts` of the buttons, and so the handler: a key
presses the element that carries it (static/js/keys.js)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """What keys do one thing, in the browser's own names (KeyboardEvent.key; Space for the space bar)."""

    action: str
    keys: tuple[str, ...]
    description: str
    where: str = "Everywhere"

    @property
    def shortcuts(self) -> str:
        return " ".join(self.keys)

    @property
    def shown(self) -> tuple[str, ...]:
        return tuple(_SHOWN.get(key, key) for key in self.keys)


_SHOWN = {"ArrowRight": "→", "ArrowLeft": "←"}

ROOM = "On a run"
LIVE = "On a run that waits for you"
TOGETHER = "Together"
COMPARE = "Side by side"

KEYS = (
    Key("help", ("?",), "this help"),
    Key("search", ("/",), "go to the search field"),
    Key("pause", ("p",), "pause or resume updating"),
    Key("theme", ("d",), "light, dark, or as the system has it"),
    Key("next", ("ArrowRight", "n", "F10"), "next step; where the run waits: carry out what is next by default", ROOM),
    Key("back", ("ArrowLeft", "b"), "previous step", ROOM),
    Key("first", ("Home",), "first step", ROOM),
    Key("last", ("End",), "last step there is", ROOM),
    Key("failure", ("f", "F8"), "to the failure; without one, to the end", ROOM),
    Key(
        "turn",
        ("i",),
        "to where the failure became inevitable, if that is known; else to the first sharing or orphan",
        ROOM,
    ),
    Key("away", ("t",), "what can be taken away from the run", ROOM),
    Key("play", ("Space",), "play or pause", ROOM),
    Key("copy-link", ("c",), "copy the link to this step", ROOM),
    Key("mark", ("m",), "mark this step, with a note if you like", ROOM),
    Key("present", ("v",), "presenter view, and back", ROOM),
    Key("share", ("s",), "links for viewers", ROOM),
    Key("lead", ("l",), "lead: the others’ pages follow yours; again: stop", TOGETHER),
    Key("return", ("r",), "return to who leads", TOGETHER),
    Key("compare", ("w",), "compare with another run", ROOM),
    Key("difference", ("x",), "to the first difference; the other keys step both runs together", COMPARE),
    *(Key(f"choice-{n}", (str(n),), f"carry out choice {n}", LIVE) for n in range(1, 10)),
)

BY_ACTION = {key.action: key for key in KEYS}


def shortcuts(action: str) -> str:
    """The value of aria-keyshortcuts for the element that does this."""
    key = BY_ACTION.get(action)
    return key.shortcuts if key else ""


@dataclass(frozen=True)
class HelpLine:
    shown: tuple[str, ...]
    description: str


def help_sections() -> dict[str, list[HelpLine]]:
    """The help, by place; the nine choices as one line."""
    sections: dict[str, list[HelpLine]] = {}
    for key in KEYS:
        if key.action.startswith("choice-"):
            continue
        sections.setdefault(key.where, []).append(HelpLine(key.shown, key.description))
    sections[LIVE] = [HelpLine(("1", "…", "9"), "carry out the choice of that number")]
    return sections
