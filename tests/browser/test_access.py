"""What axe finds, on every page and every state of the run page, light and dark; and no page outgrows its window."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import NewPage

PAGES = (
    "/",
    "/incidents",
    "/incidents/shared_session",
    "/runs",
    "/runs/import",
    "/runs/retention?days=1",
    "/runs/selected?action=delete&all=1",
    "/runs/selected?action=export&all=1",
    "/patterns",
    "/stacks",
    "/servers",
    "/activity?background=1",
    "/activity?server=replica",
    "/history",
    "/-/gallery",
    *(f"/-/gallery/exploration/{state}" for state in ("orders", "orders-cancelled", "search", "search-failed")),
)
ROOMS = tuple(
    f"/-/gallery/room/{state}"
    for state in (
        *("queued", "start", "waiting", "playing", "behind", "recorded", "failure", "timeline"),
        *(
            "live-failed",
            "fixes",
            "working-out",
            "unknown",
            "inevitable",
            "silent",
            "stuck",
            "hang",
            "ok",
            "crash",
            "interrupted",
            "odd",
            "escaped",
        ),
        *("viewer", "viewer-over", "leading", "left", "presenting", "presenting-failure", "presenting-timeline"),
    )
)
ROOMS = (*ROOMS, "/-/gallery/compare", "/-/gallery/compare-presenting")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(new_page: NewPage, theme: str) -> None:
    page = new_page(color_scheme=theme, bypass_csp=True)  # axe is put into the page as a script
    found = []
    for path in (*PAGES, *ROOMS):
        _open(page, path)
        violations = Axe().run(page).response["violations"]
        found += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations]
    assert not found


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1440, 780), (1920, 1080)])
def test_the_run_page_is_one_screen(new_page: NewPage, width: int, height: int) -> None:
    page = new_page(width, height)
    for path in ROOMS:
        _open(page, path)
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_at_200_percent_a_page_scrolls_in_one_direction_only(new_page: NewPage) -> None:
    page = new_page(720, 450, device_scale_factor=2)
    for path in (*PAGES, *ROOMS):
        _open(page, path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def _open(page: Page, path: str) -> None:
    with page.expect_response(lambda answer: answer.request.is_navigation_request()):
        page.goto(path)
