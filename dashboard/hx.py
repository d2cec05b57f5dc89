"""What htmx and the pages agree on: who asks for a fragment, what may be swapped in, what the address holds."""

from __future__ import annotations

from flask import Response
from flask import redirect
from flask import request
from werkzeug.wrappers import Response as BaseResponse


def wants_fragment() -> bool:
    return request.headers.get("HX-Request") == "true"


def wants_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json"


def nothing_new() -> Response:
    return Response(status=204)


def fragment(html: str | bytes, *, push: str | None = None, replace: str | None = None) -> Response:
    """A fragment; `push` when a person went somewhere, `replace` when the page follows by itself."""
    response = Response(html, mimetype="text/html")
    if push is not None:
        response.headers["HX-Push-Url"] = push
    elif replace is not None:
        response.headers["HX-Replace-Url"] = replace
    return response


def see_other(url: str) -> BaseResponse:
    """Go to another page after a POST: as a redirect, or for htmx as a header, since it would swap the page in."""
    if wants_fragment():
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, code=303)
