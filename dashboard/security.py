"""Who may ask for what: host names, origins of requests, the token, response headers.

The dashboard listens on the loopback address unless it has been given a token and names. That alone is not enough: any
page in the same browser can send requests to 127.0.0.1, directly or through a host name that points there. Hence these
checks of every request, in this order, each a pure function below with its table of cases in the tests.

1. The host asked for is a loopback address or a name we were told (stops DNS rebinding).
2. The token, if there is one: as a cookie, as a header, or once in the address.
3. Whatever changes something was sent by a page of ours. Browsers say so in Sec-Fetch-Site; on plain http host names
   they do not, there Origin tells; who sends neither is no browser and must bring the token as a header.
4. A viewer sees the runs of their link, and changes nothing. Everybody else is a driver.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from urllib.parse import urlencode
from urllib.parse import urlsplit

from flask import Flask
from flask import Response
from flask import g
from flask import redirect
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.arguments import number
from dashboard.errors import PageError
from dashboard.viewers import Viewer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
OPEN_ENDPOINTS = frozenset({"static", "health.healthz", "shares.enter", "shares.entered", "shares.leave"})
"""What is answered without a token: it tells nothing, or brings its own proof."""
VIEWERS_MAY = frozenset({"company.name"})
"""What a viewer may post: it changes nothing but what their own browser says of them."""
DRIVERS_ONLY = frozenset({"shares.shares", "notes.form", "titles.form"})
"""Pages of a run from which only drivers have something to do."""
SIDE_BY_SIDE = frozenset({"compare.show", "compare.live"})
"""What is about two runs, named in the query string."""

CONTENT_POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
))  # fmt: skip

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), clipboard-write=(self)",
}


def host_name(host: str) -> str | None:
    """The name in a Host header, without port and brackets; None if it is malformed."""
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([^\s:/@\[\]]+)(?::[0-9]{1,5})?", host)
    return (match.group(1) or match.group(2)).lower().rstrip(".") if match else None


def host_allowed(host: str, allowed: Collection[str]) -> bool:
    """Is this Host header one of ours: a loopback address, localhost, or a name from the settings?"""
    name = host_name(host)
    if not name:
        return False
    if name == "localhost" or name in {one.lower().strip("[]") for one in allowed}:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def foreign(method: str, headers: Mapping[str, str], own_origin: str) -> str | None:
    """Why this request must be taken for one of another site's; None if it may go on.

    A request that authenticated with a header is not checked: no browser sends that by itself.
    """
    if method in SAFE_METHODS:
        return None
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return None if site in ("same-origin", "none") else f"The browser says that it comes from elsewhere ({site})."
    origin = headers.get("Origin")
    if origin is not None:
        return None if _same_origin(origin, own_origin) else f"It was sent by a page of {origin!r}, not by ours."
    return "It names no origin (neither Sec-Fetch-Site nor Origin)."


def _same_origin(one: str, other: str) -> bool:
    return _origin(one) is not None and _origin(one) == _origin(other)


def _origin(text: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(text)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def beyond(method: str, endpoint: str | None, asked: Collection[int], shown: Collection[int]) -> str | None:
    """Why a viewer may not have this; None if they may. `asked` are the runs it is about, `shown` their link's."""
    if endpoint in OPEN_ENDPOINTS:
        return None
    if method not in SAFE_METHODS and endpoint not in VIEWERS_MAY:
        return "Who came by a share link watches; drivers change things."
    if endpoint in DRIVERS_ONLY:
        return "This page is for drivers."
    if asked and all(run in shown for run in asked):
        return None
    return "Your link shows one run and those that branched from it."


def token_in(authorization: str) -> str:
    """The token of an Authorization header: `token …` or `Bearer …`."""
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() in ("token", "bearer") else ""


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def cookie_value(token: str) -> str:
    """What the cookie holds: proof of the token, not the token."""
    return hmac.new(token.encode(), b"interlock cookie", hashlib.sha256).hexdigest()


def cookie_name(of: str = "") -> str:
    """Cookies are shared by all ports of a host; named with the port, two dashboards do not log each other out."""
    return f"interlock_{request.environ['SERVER_PORT']}" + (f"_{of}" if of else "")


def set_cookie(response: BaseResponse, name: str, value: str, seconds: int | None = None) -> None:
    """A cookie that no script can read and no other site can make the browser send."""
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="Strict", secure=request.is_secure, path="/"
    )


def viewer() -> Viewer | None:
    """Who asks, if they came by a share link; None: a driver."""
    found: Viewer | None = g.get("viewer")
    return found


def install(
    app: Flask, *, token: str | None, allowed_hosts: Collection[str], viewer_by: Callable[[str], Viewer | None]
) -> None:
    """Put the checks in front of every request, and the headers on every response."""

    @app.before_request
    def check() -> BaseResponse | None:
        if not host_allowed(request.host, allowed_hosts):
            raise PageError(
                400,
                f"This dashboard does not answer to the host name {request.host!r}.",
                "It answers to loopback addresses and to the names it was given, so that no other site can reach it "
                "under a name of its own.",
                "Open it by the address it printed, or start it with INTERLOCK_ALLOWED_HOSTS naming this host.",
            )
        by_header = token is not None and same(token_in(request.headers.get("Authorization", "")), token)
        if not by_header and request.endpoint not in OPEN_ENDPOINTS:
            g.viewer = viewer_by(request.cookies.get(cookie_name("viewer"), ""))
        by_link = viewer() is not None and "token" not in request.args
        if token is not None and not by_header and not by_link and request.endpoint not in OPEN_ENDPOINTS:
            if not same(request.cookies.get(cookie_name(), ""), cookie_value(token)):
                return _exchange(token)
            if "token" in request.args and request.method == "GET":
                return _without_token()
        if not by_header:
            reason = foreign(request.method, dict(request.headers), f"{request.scheme}://{request.host}")
            if reason is not None:
                raise PageError(
                    403,
                    "This request was refused because it may come from another site.",
                    reason,
                    "Use the dashboard's own pages; a script sends the token in an Authorization header.",
                )
        watching = viewer()
        return _only_look(watching) if watching is not None else None

    @app.after_request
    def harden(response: Response) -> Response:
        if response.status_code != 204:  # there is nothing in it to protect, and polls get it every second
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _only_look(watching: Viewer) -> BaseResponse | None:
    """Stop a viewer at what is not theirs; what ends their link, ends their pages."""
    share = watching.share
    if not share.open(datetime.now(UTC)):
        if hx.wants_fragment():
            return Response(status=204, headers={"HX-Refresh": "true"})
        g.viewer = None  # no more
        return Response(render_template("share_ended.html", share=share), 403)
    if request.endpoint == "home.home":
        return redirect(f"/runs/{share.run_id}", code=303)
    reason = beyond(request.method, request.endpoint, runs_asked(), watching.runs)
    if reason is not None:
        raise PageError(
            403,
            "You are a viewer here.",
            reason,
            f"Go back to run {share.run_id} (/runs/{share.run_id}), or leave the viewer’s view, if you may drive.",
        )
    return None


def runs_asked() -> tuple[int, ...]:
    """The runs that a request is about. With which others one could be compared is a question about all runs."""
    if request.endpoint in SIDE_BY_SIDE:
        a, b = number(request.args, "a"), number(request.args, "b")
        return () if a is None or b is None else (a, b)
    run_id = (request.view_args or {}).get("run_id")
    return (run_id,) if isinstance(run_id, int) else ()


def _exchange(token: str) -> BaseResponse:
    """Trade the token in the address for a cookie, and take it out of the address bar: it is on a shared screen."""
    given = request.args.get("token", "")
    if not given or not same(given, token):
        raise PageError(
            403,
            "This dashboard asks for its token.",
            "The token in the address is not the right one."
            if given
            else "It was started with INTERLOCK_TOKEN, so whoever opens it needs that.",
            "Put “?token=…” behind the address, with the value of INTERLOCK_TOKEN; ask whoever started the dashboard.",
        )
    response = _without_token()
    set_cookie(response, cookie_name(), cookie_value(token))
    return response


def _without_token() -> BaseResponse:
    rest = urlencode([(key, value) for key, value in request.args.items(multi=True) if key != "token"])
    # The path as asked, but never as "//host": that would lead elsewhere.
    path = "/" + request.path.lstrip("/\\")
    response = redirect(path + (f"?{rest}" if rest else ""), code=303)
    if cookie_name("viewer") in request.cookies:  # who has the token drives
        response.delete_cookie(cookie_name("viewer"), path="/")
    return response
