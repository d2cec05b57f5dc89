"""How long runs are kept: the settings, what they would delete now, and doing it at once."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint
from flask import render_template
from flask import request
from werkzeug.wrappers import Response as BaseResponse

from dashboard import hx
from dashboard.actor import actor
from dashboard.arguments import number
from dashboard.errors import PageError
from dashboard.presenters import words
from dashboard.services import services
from dashboard.store import DeletionPreview
from dashboard.store import Retention
from dashboard.store import Selection
from dashboard.store import SelectionChanged

page = Blueprint("retention", __name__)

LONGEST = 36_500  # days
MOST = 10_000_000  # runs


@dataclass(frozen=True)
class RetentionPage:
    kept: Retention  # in force
    asked: Retention  # of which the preview is
    said: str
    going: DeletionPreview | None
    preview: bool  # of what is not in force
    changed: bool  # what would go has changed since it was shown


@page.get("/runs/retention")
def retention() -> str:
    return _shown(_asked() if "days" in request.args or "runs" in request.args else None)


@page.post("/runs/retention")
def save() -> BaseResponse:
    """Put the settings in force; the worker follows them once an hour."""
    asked = _asked()
    services().store.set_retention(asked, actor(), in_words(asked))
    return hx.see_other("/runs/retention")


@page.post("/runs/retention/apply")
def apply() -> BaseResponse | tuple[str, int]:
    """Delete now what the page showed."""
    store = services().store
    try:
        store.delete_runs(
            Selection(retention=store.retention()), request.form.get("mark", ""), actor(), "retention, by hand"
        )
    except SelectionChanged:
        return _shown(None, changed=True), 409
    return hx.see_other("/runs/retention")


def in_words(retention: Retention) -> str:
    parts = []
    if retention.days is not None:
        parts.append(f"runs that ended in the last {words.count(retention.days, 'day')}")
    if retention.runs is not None:
        parts.append(f"the newest {words.count(retention.runs, 'run')}")
    return f"kept: {' and of these '.join(parts)}" if parts else "all runs are kept"


def _asked() -> Retention:
    asked = Retention(number(request.values, "days", smallest=1), number(request.values, "runs", smallest=1))
    if (asked.days or 0) > LONGEST or (asked.runs or 0) > MOST:
        raise PageError(
            400,
            "So long nothing can be kept.",
            f"Up to {LONGEST:,} days and {MOST:,} runs.",
            "Leave the field empty to keep them without end.",
        )
    return asked


def _shown(asked: Retention | None, *, changed: bool = False) -> str:
    store = services().store
    kept = store.retention()
    looked = kept if asked is None else asked
    return render_template(
        "retention.html",
        page=RetentionPage(
            kept=kept,
            asked=looked,
            said=in_words(kept),
            going=store.preview_deletion(Selection(retention=looked)) if looked.on else None,
            preview=looked != kept,
            changed=changed,
        ),
    )
