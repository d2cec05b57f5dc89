"""Servers: the store, the lab, its replica and those that are only watched, each as it is now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from flask import Blueprint
from flask import render_template

from dashboard.presenters import servers as presenter
from dashboard.presenters.servers import ServerCard
from dashboard.services import services
from dashboard.watch import Facts
from dashboard.watch import Unreachable
from dashboard.watch import facts

page = Blueprint("servers", __name__)


@dataclass(frozen=True)
class ServersPage:
    cards: tuple[ServerCard, ...]


@page.get("/servers")
def servers() -> str:
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
    return render_template("servers.html", page=ServersPage(tuple(cards)))


def _ask(url: str | None) -> Facts | Unreachable | None:
    try:
        return facts(url) if url is not None else None
    except Unreachable as problem:
        return problem
