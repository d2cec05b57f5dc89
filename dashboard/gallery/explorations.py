"""Explorations that never were, in every state, for the gallery and for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dashboard.findings.inevitable import Found
from dashboard.findings.inevitable import WayOut
from dashboard.findings.tally import Group
from dashboard.findings.tally import Rule
from dashboard.findings.tally import Tally
from dashboard.gallery import sample
from dashboard.store import ExplorationRow

_TALLY = Tally(
    tried=120,
    distinct=97,
    groups=(
        Group("error", "0f", sample.END.summary, 90, "il1:1=c3,2=c2,20=c2,25=c2,28=c2,30=c3,31=c3,32=c1,33=c3", 1, 30),
        Group("silent", "1f", "broken: each visit is recorded once", 20, "il1:4=c3", 5, 30),
        Group("ok", "2f", "3 tasks returned", 10, "il1:", 9, 30),
    ),
    rules=(Rule("each visit is recorded once", 120, 20),),
)
_FOUND = Found(
    step=1,
    failed=212,
    schedules=37,
    alike=180,
    last_out=0,
    away=3,
    drawn=40,
    tried=300,
    void=2,
    every=False,
    doubt="",
    settled=True,
    ways_out=(WayOut(0, "il1:1=c3,2=c2", "3 tasks returned"),),
)
_ORDERS = ExplorationRow(
    id=7,
    incident=sample.RUN.incident,
    program=sample.RUN.program,
    stack=sample.RUN.stack,
    run_id=None,
    orders=400,
    seconds=120,
    actor="Ann",
    status="running",
    progress="120 of 400 orders tried",
    error=None,
    way_out=None,
    cancel=False,
    rev=1,
    created=sample.RUN.created,
    started=sample.RUN.created,
    ended=None,
    tally=_TALLY,
    found=None,
)
_ENDED = sample.RUN.created + timedelta(seconds=20)
SEARCH = replace(_ORDERS, run_id=42, status="ended", ended=_ENDED, tally=None, found=_FOUND, way_out=44)

EXPLORATIONS = {
    "orders": ("orders that are being tried", _ORDERS),
    "orders-cancelled": ("orders, cancelled", replace(_ORDERS, status="cancelled", ended=_ENDED)),
    "search": ("where a run became inevitable", SEARCH),
    "search-failed": (
        "a search that failed",
        replace(SEARCH, status="failed", found=None, way_out=None, error="broken.py changed since. Run it again."),
    ),
}
