"""Share links: made, listed and revoked by drivers; opened by whoever was given one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from flask import Blueprint
from flask import redirect
from flask import render_template
from flask import request
from werkzeug.wrappers import Response

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.arguments import one_of
from dashboard.errors import PageError
from dashboard.errors import no_run
from dashboard.presenters import words
from dashboard.security import cookie_name
from dashboard.security import set_cookie
from dashboard.services import services
from dashboard.store import Share
from dashboard.store import UnknownRun
from dashboard.views.runs import find_run

page = Blueprint("shares", __name__)

LASTS = {
    "1h": ("1 hour", timedelta(hours=1)),
    "8h": ("8 hours", timedelta(hours=8)),
    "1d": ("1 day", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
}
REMEMBERED = timedelta(days=7)


@dataclass(frozen=True)
class ShareLine:
    id: int
    open: bool
    state: str  # in words
    made: str


@dataclass(frozen=True)
class SharesPage:
    run: int
    lasts: tuple[tuple[str, str], ...]
    shares: tuple[ShareLine, ...]
    link: str | None  # the one that was just made: it can never be shown again
    local: bool  # the dashboard answers to this machine only


@page.get("/runs/<int:run_id>/shares")
def shares(run_id: int) -> str:
    find_run(run_id)
    return _show(run_id)


@page.post("/runs/<int:run_id>/shares")
def make(run_id: int) -> str:
    lasts = LASTS[one_of(request.form, "lasts", tuple(LASTS))][1]
    try:
        _, token = services().store.create_share(run_id, lasts, actor=actor())
    except UnknownRun:
        raise no_run(run_id) from None
    return _show(run_id, f"{request.host_url}share/{token}")


@page.post("/runs/<int:run_id>/shares/<int:share_id>/revoke")
def revoke(run_id: int, share_id: int) -> Response | str:
    here = services()
    if not here.store.revoke_share(run_id, share_id, actor=actor()):
        raise PageError(404, f"There is no share link {share_id} to run {run_id}.", "", "Reload the list.")
    here.viewers.forget()
    return _show(run_id) if hx.wants_fragment() else hx.see_other(f"/runs/{run_id}/shares")


def _show(run_id: int, link: str | None = None) -> str:
    here = services()
    shown = SharesPage(
        run=run_id,
        lasts=tuple((value, label) for value, (label, _) in LASTS.items()),
        shares=share_lines(here.store.shares(run_id), datetime.now(UTC)),
        link=link,
        local=here.settings.loopback and not here.settings.allowed_hosts,
    )
    return render_template("runs/_shares.html" if hx.wants_fragment() else "shares.html", page=shown)


def share_lines(found: Sequence[Share], now: datetime) -> tuple[ShareLine, ...]:
    def state(share: Share) -> str:
        if share.revoked is not None:
            return f"revoked {words.ago(share.revoked, now)}"
        left = (share.expires - now).total_seconds()
        return f"open for {words.seconds(left)} more" if left > 0 else f"expired {words.ago(share.expires, now)}"

    return tuple(
        ShareLine(
            one.id, one.open(now), state(one), f"{words.ago(one.created, now)}{f' by {one.actor}' if one.actor else ''}"
        )
        for one in found
    )


@page.get("/share/<token>")
def enter(token: str) -> Response | tuple[str, int]:
    """Trade the token in the address for a cookie, and take it out of the address bar: it may be on a shared screen."""
    share = services().store.share(token)
    now = datetime.now(UTC)
    if share is None:
        raise PageError(
            404,
            "This share link is not known here.",
            "It may be cut off, be of another dashboard, or its run has been deleted.",
            "Ask whoever gave it to you for a new one.",
        )
    if not share.open(now):
        return render_template("share_ended.html", share=share), 403
    # Not straight to the run: a browser that comes from another site brings no strict cookie along on a redirect.
    response = redirect(f"/share?run={share.run_id}", code=303)
    # The cookie outlives the link: who comes back later is to be told that it has ended.
    set_cookie(response, cookie_name("viewer"), token, int((share.expires - now + REMEMBERED).total_seconds()))
    return response


@page.get("/share")
def entered() -> str:
    """From here the browser goes on by itself, and as if from one of our pages."""
    return render_template("share_entered.html", run=number(request.args, "run") or 0)


@page.post("/share/leave")
def leave() -> Response:
    """Be no viewer any more: whoever may drive, drives again."""
    run_id = number(request.form, "run")
    response = hx.see_other(f"/runs/{run_id}" if run_id else "/")
    response.delete_cookie(cookie_name("viewer"), path="/")
    return response
