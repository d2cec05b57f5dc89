"""History: who did what, to which run or stack, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields
from datetime import UTC
from datetime import datetime

from flask import Blueprint
from flask import render_template
from flask import request

from dashboard.arguments import number
from dashboard.arguments import optional
from dashboard.presenters import history as presenter
from dashboard.presenters import listing
from dashboard.presenters.history import DeedLine
from dashboard.presenters.listing import PAGE_SIZE
from dashboard.presenters.listing import Facet
from dashboard.presenters.listing import Pages
from dashboard.services import services
from dashboard.store import HistoryFilter

page = Blueprint("history", __name__)


@dataclass(frozen=True)
class HistoryPage:
    rows: tuple[DeedLine, ...]
    filter: HistoryFilter
    given: Mapping[str, str]
    about: str  # the one object whose history it is, in words
    facets: tuple[Facet, ...]
    pages: Pages


@page.get("/history")
def history() -> str:
    given = {field.name: optional(request.args, field.name) for field in fields(HistoryFilter) if field.name != "upto"}
    wanted = HistoryFilter(**given, upto=number(request.args, "upto"))
    at = number(request.args, "page", smallest=1) or 1
    store = services().store
    deeds, total, counts = store.history(wanted, (at - 1) * PAGE_SIZE, PAGE_SIZE)
    if not deeds and total:  # a page beyond the last one
        at = listing.last_page(total)
        deeds, total, counts = store.history(wanted, (at - 1) * PAGE_SIZE, PAGE_SIZE)
    return render_template(
        "history.html",
        page=HistoryPage(
            rows=presenter.lines(deeds, datetime.now(UTC)),
            filter=wanted,
            given={name: value for name, value in given.items() if value is not None},
            about=presenter.spelled(wanted.object or ""),
            facets=tuple(
                listing.facet(name, title, counts[name], getattr(wanted, name), labels)
                for name, title, labels in (("action", "What", presenter.ACTIONS), ("actor", "Who", {}))
                if set(counts[name]) - {""} or getattr(wanted, name)
            ),
            pages=listing.pages(
                at, total, "/history", given, wanted.upto or (deeds[0].id if at == 1 and deeds else None)
            ),
        ),
    )
