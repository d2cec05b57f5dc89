"""The live page of pg_stat_activity: the sessions of a server, asked for again and again. It only looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint
from flask import Response
from flask import render_template
from flask import request

from dashboard import hx
from dashboard.arguments import one_of
from dashboard.arguments import optional
from dashboard.errors import PageError
from dashboard.presenters import listing
from dashboard.presenters.activity import ActivityFilter
from dashboard.presenters.activity import LiveSessions
from dashboard.presenters.activity import live as present
from dashboard.presenters.polling import SLOW
from dashboard.presenters.polling import Poll
from dashboard.servers.watch import Unreachable
from dashboard.services import services

page = Blueprint("activity", __name__)

SWITCHES = ("active", "runs", "background")


@dataclass(frozen=True)
class Tab:
    name: str
    url: str
    here: bool
    running: bool


@dataclass(frozen=True)
class ActivityPage:
    server: str
    tabs: tuple[Tab, ...]
    filter: ActivityFilter
    filtered: bool
    clear: str
    poll: Poll | None  # none where there is no server to ask
    live: LiveSessions | None
    error: PageError | None  # why there are no rows


@page.get("/activity")
def activity() -> str:
    """The page. A server that does not answer is said in place of the rows, and asked again."""
    return render_template("activity.html", page=_page())


@page.get("/activity/live")
def live() -> Response:
    """The rows now. When the server does not answer, what is shown stays, and is marked as stale (poll.js)."""
    shown = _page()
    if shown.error is not None:
        raise shown.error
    return hx.fragment(render_template("activity/_sessions.html", page=shown))


def _page() -> ActivityPage:
    watch = services().watch
    servers = watch.servers()
    name = one_of({"server": request.args.get("server") or "lab"}, "server", tuple(servers))
    wanted = ActivityFilter(
        **{switch: bool(optional(request.args, switch)) for switch in SWITCHES},
        search=optional(request.args, "search") or "",
    )
    given: Mapping[str, object] = {
        **{switch: "1" if getattr(wanted, switch) else None for switch in SWITCHES},
        "search": wanted.search,
    }
    url = servers[name]
    rows, error = None, None
    if url is not None:
        try:
            rows = present(watch.sessions(name, url), wanted)
        except Unreachable as problem:
            error = unreachable(name, str(problem))
    else:
        error = not_running(name)
    return ActivityPage(
        server=name,
        tabs=tuple(
            Tab(one, listing.address("/activity", given, server=one), one == name, address is not None)
            for one, address in servers.items()
        ),
        filter=wanted,
        filtered=wanted != ActivityFilter(),
        clear=listing.address("/activity", {"server": name}),
        poll=Poll(listing.address("/activity/live", given, server=name), SLOW),
        live=rows,
        error=error,
    )


def unreachable(name: str, why: str) -> PageError:
    return PageError(503, f"The server “{name}” does not answer.", why, "It is asked again by itself; see Servers.")


def not_running(name: str) -> PageError:
    return PageError(
        503,
        f"The server “{name}” is not running.",
        "The embedded replica is started by the run that needs one, and stopped with it."
        if name == "replica"
        else "This dashboard was given no address for it.",
        "Sessions are shown as soon as it runs.",
    )
