"""The pages and fragments, one module per noun. Each has a blueprint; this is the whole site."""

from __future__ import annotations

from dashboard.views import gallery
from dashboard.views import health
from dashboard.views import home
from dashboard.views import incidents
from dashboard.views import runs
from dashboard.views import stacks

PAGES = (home.page, incidents.page, runs.page, stacks.page, gallery.page, health.page)
