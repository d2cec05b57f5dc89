"""Servers: the store, the lab, its replica and those that are only watched, each as it is now."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask import render_template
from flask import request

from dashboard.arguments import one_of
from dashboard.arguments import optional
from dashboard.presenters import listing
from dashboard.presenters import servers as presenter
from dashboard.presenters.listing import Facet
from dashboard.presenters.listing import Head
from dashboard.presenters.servers import STATES
from dashboard.presenters.servers import ServerCard
from dashboard.servers.watch import Facts
from dashboard.servers.watch import Unreachable
from dashboard.servers.watch import facts
from dashboard.services import services

page = Blueprint("servers", __name__)


COLUMNS = {
    "name": ("Server", ""),
    "state": ("State", ""),
    "version": ("Version", ""),
    "up": ("Up for", "num"),
    "used": ("Connections", "num"),
    "doing": ("Its sessions", "fill"),
    "wrong": ("Settings to look at", "num"),
}
SORTS: Mapping[str, Callable[[ServerCard], Any]] = {
    "name": lambda card: card.name,
    "state": lambda card: tuple(STATES).index(card.state),
    "version": lambda card: [int(part) for part in re.findall("[0-9]+", card.version)],
    "up": lambda card: card.up or 0,
    "used": lambda card: card.connections[0] if card.connections else 0,
    "wrong": lambda card: card.wrong,
}


@dataclass(frozen=True)
class ServersPage:
    cards: tuple[ServerCard, ...]
    heads: tuple[Head, ...]
    facets: tuple[Facet, ...]
    search: str
    filtered: bool
    total: int


@page.get("/servers")
def servers() -> str:
    """All that are known, each asked as this page is opened."""
    search = optional(request.args, "search") or ""
    state = optional(request.args, "state")
    sort = request.args.get("sort") or ""
    column = one_of({"sort": sort.removeprefix("-")}, "sort", ("", *SORTS))
    every = _asked()
    found = presenter.found(every, search)
    cards = [card for card in found if state in (None, card.state)]
    if column:
        cards.sort(key=SORTS[column], reverse=sort.startswith("-"))
    states = {name: mark.word for name, mark in STATES.items()}
    return render_template(
        "servers.html",
        page=ServersPage(
            cards=tuple(cards),
            heads=listing.heads(COLUMNS, SORTS, sort, "/servers", {"search": search, "state": state}),
            facets=(listing.facet("state", "State", Counter(card.state for card in found), state, states),),
            search=search,
            filtered=bool(search or state),
            total=len(every),
        ),
    )


def _asked() -> list[ServerCard]:
    """They are asked at the same time, so that one that does not answer costs its few seconds once."""
    known = services().watch.servers()
    with ThreadPoolExecutor(len(known)) as pool:
        found = dict(zip(known, pool.map(_ask, known.values()), strict=True))
    lab = found["lab"]
    followers = len(lab.replicas) if isinstance(lab, Facts) else None
    cards = []
    for name, url in known.items():
        answer = found[name]
        said = answer if isinstance(answer, Facts) else None
        cards.append(presenter.card(name, url, said, str(answer) if isinstance(answer, Unreachable) else "", followers))
    return cards


def _ask(url: str | None) -> Facts | Unreachable | None:
    try:
        return facts(url) if url is not None else None
    except Unreachable as problem:
        return problem
