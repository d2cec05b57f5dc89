"""What axe finds, on every page and every state of the run page, light and dark; and no page outgrows its window."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from dashboard.gallery import rooms as made_up_runs
from dashboard.gallery.explorations import EXPLORATIONS
from tests.browser.axe import complaints_of_axe
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
    "/-/gallery/runs/none",
    "/-/gallery/runs/no-match",
    "/-/gallery/activity/empty",
    "/-/gallery/activity/away",
    *(f"/-/gallery/exploration/{state}" for state in EXPLORATIONS),
)
ROOMS = (
    *(f"/-/gallery/room/{state}" for state in made_up_runs.ROOMS),
    "/-/gallery/compare",
    "/-/gallery/compare-presenting",
)


@pytest.mark.parametrize("paths", [(*PAGES, *ROOMS)[n::6] for n in range(6)], ids=map(str, range(6)))
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(new_page: NewPage, theme: str, paths: tuple[str, ...]) -> None:
    page = new_page(color_scheme=theme, bypass_csp=True)  # axe is put into the page as a script
    found = []
    for path in paths:
        _open(page, path)
        found += complaints_of_axe(page, path)
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
        captions = "[...document.querySelectorAll('.caption')]"  # too high, they lie over what follows
        assert page.evaluate(f"{captions}.every(one => one.scrollHeight <= one.clientHeight)"), path


@pytest.fixture(autouse=True)
def that_it_is_stale_is_no_complaint(new_page: NewPage, complaints: list[str]) -> Iterator[None]:
    """One room is answered with an error, which is what it shows, and no replica is running."""
    yield
    complaints[:] = [
        one for one in complaints if not re.search("status of 503|Code 503 from /(-/gallery/poll|activity)", one)
    ]


def _open(page: Page, path: str) -> None:
    with page.expect_response(lambda answer: answer.request.is_navigation_request()):
        page.goto(path)


def test_forced_colours_tell_by_lines_what_grounds_told(new_page: NewPage) -> None:
    page = new_page(forced_colors="active")
    _open(page, "/-/gallery/room/waiting")
    style = "([at, name]) => getComputedStyle(document.querySelector(at))[name]"
    for mark in (".matrix td.changed", ".line.current", ".choices button.choice", ".run-head .chip", "#poll"):
        drawn = [page.evaluate(style, [mark, name]) for name in ("outlineStyle", "borderTopStyle")]
        assert "solid" in drawn, mark
    ground, text = (page.evaluate(style, ["button#next", name]) for name in ("backgroundColor", "color"))
    assert ground != text
    _open(page, "/-/gallery/room/failure")
    assert page.evaluate(style, [".line.cited .number", "borderLeftStyle"]) == "solid"
    assert page.evaluate(style, [".proof li.here", "outlineStyle"]) == "solid"


def test_nothing_moves_by_itself_where_that_is_not_wished(new_page: NewPage) -> None:
    page = new_page(reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter(one => {
      const style = getComputedStyle(one);
      return style.animationName !== "none" || style.transitionDuration !== "0s" || style.scrollBehavior === "smooth";
    }).map(one => one.outerHTML.slice(0, 100))"""
    for path in ("/-/gallery/room/live", "/-/gallery/room/stale", "/-/gallery/room/presenting", "/-/gallery"):
        _open(page, path)
        assert page.evaluate(moving) == [], path
