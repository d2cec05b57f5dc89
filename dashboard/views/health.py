"""Is the dashboard up? For whoever watches over it."""

from __future__ import annotations

from flask import Blueprint
from flask import Response
from flask import jsonify

from dashboard.services import services
from dashboard.store import StoreDown

page = Blueprint("health", __name__)


@page.get("/healthz", endpoint="healthz")
def healthz() -> tuple[Response, int]:
    try:
        services().store.ping()
    except StoreDown:
        return jsonify(status="store down"), 503
    return jsonify(status="ok"), 200
