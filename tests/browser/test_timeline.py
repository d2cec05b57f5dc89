"""The timeline: another view of the same step, kept in the address, walked by mouse and by keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start


def test_the_timeline_grows_with_the_run_and_goes_back_in_it(page: Page, new_page: NewPage) -> None:
    start(page)
    others = ".panel:not(.activity-panel, .sessions-panel, .timeline-panel)"
    boxes = f"[...document.querySelectorAll('{others}')].map(one => JSON.stringify(one.getBoundingClientRect()))"
    expect(page.locator("#timeline-body")).to_be_hidden()
    places = page.evaluate(boxes)
    page.click("#view-timeline")
    expect(page.locator("#view-timeline")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?step=0&view=timeline$"))
    expect(page.locator("#activity-body")).to_be_hidden()
    assert page.evaluate(boxes) == places
    for number in range(1, 4):  # what is asked of the run keeps the view
        page.click("button#next")
        on_step(page, number)
        expect(page.locator(".step-mark")).to_have_count(number + 1)
    expect(page.locator(".step-mark.current")).to_have_attribute("title", re.compile("^step 3: "))

    # Anywhere over the lanes is the step's link; so is its number, by keyboard.
    page.click("#mark-1", position={"x": 10, "y": 60})
    on_step(page, 1)
    page.focus("#mark-2")
    page.keyboard.press("Enter")
    on_step(page, 2)
    expect(page.locator("#mark-2")).to_be_focused()
    expect(page.locator("#mark-2")).to_have_attribute("aria-current", "step")
    page.keyboard.press("ArrowLeft")
    on_step(page, 1)
    expect(page).to_have_url(re.compile(r"\?step=1&view=timeline$"))

    # The link shows the same elsewhere, and the list says it in words.
    drawing = "document.querySelector('.timeline').innerHTML"
    other = new_page()
    other.goto(page.url)
    assert other.evaluate(drawing) == page.evaluate(drawing)
    other.click("#timeline-list summary")
    expect(other.locator(".timeline-lines li")).to_have_count(4)
    expect(other.locator(".timeline-lines")).to_contain_text("works on start-up")
    other.click("#view-server")
    expect(other.locator("#activity-body")).to_be_visible()
    expect(other).to_have_url(re.compile(r"\?step=1$"))


def test_of_300_tasks_the_busy_ones_are_shown(page: Page) -> None:
    page.goto("/-/gallery/room/timeline-crowd")
    expect(page.locator("#timeline-title")).to_contain_text("276 quieter tasks and 44 quieter connections hidden")
    expect(page.locator(".lane-names li")).to_have_count(40)
    current = page.locator(".step-mark.current .step-number")
    expect(current).to_be_in_viewport(ratio=1)
    expect(page.locator("#timeline-earlier")).to_have_count(1)

    # The whole run is above them: where the lanes are, what matters and where, in words too.
    expect(page.locator(".overview .stretch")).to_be_visible()
    expect(page.locator(".overview .sign.failure")).to_be_visible()
    expect(page.locator(".overview .sign.orphan")).to_have_count(2)
    expect(page.locator(".overview a[aria-current]")).to_have_accessible_name("steps 500–524")
    expect(page.get_by_role("link", name="an orphan began: step 380")).to_have_attribute(
        "href", "/runs/42?step=380&view=timeline"
    )


def test_the_whole_run_is_above_the_lanes_and_leads_anywhere(page: Page) -> None:
    page.goto("/incidents/shared_session?program=connections&stack=sqlalchemy-1.4.42")
    page.click("#form-run")
    page.click("button#failure")
    expect(page.locator("#outcome-title")).to_contain_text("ok")
    page.click("#view-timeline")
    parts = page.locator(".overview-parts a")
    expect(parts).to_have_count(36)
    parts.nth(0).click(position={"x": 4, "y": 20})
    on_step(page, 0)
    expect(parts.nth(0)).to_have_attribute("aria-current", "true")
    # Two keys go on from where the mouse was, and the lanes come along.
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    on_step(page, 1)
    parts.nth(35).focus()
    page.keyboard.press("Enter")
    at = int(re.findall(r"step=(\d+)", page.url)[0])
    expect(page.locator(f"#mark-{at} .step-number")).to_be_in_viewport(ratio=1)
    expect(parts.nth(35)).to_be_focused()
    # Where a run is short enough for the lanes to show all of it, they are the overview.
    start(page)
    page.click("#view-timeline")
    expect(page.locator(".step-mark")).to_have_count(1)
    expect(page.locator(".overview")).to_have_count(0)


def test_a_shared_screen_shows_matrix_lanes_and_the_server_at_once(new_page: NewPage) -> None:
    page = new_page(1920, 1080)
    start(page)
    boxes = "[...document.querySelectorAll('.panel')].map(one => JSON.stringify(one.getBoundingClientRect()))"
    places = page.evaluate(boxes)
    for number in range(1, 9):
        page.click("button#next")
        on_step(page, number)
    for part in ("matrix", "timeline", "activity", "sessions", "outcome", "source"):
        expect(page.locator(f"#{part}-body")).to_be_in_viewport(ratio=1)
    for cell in page.locator("#matrix-body tbody th, .lane-names li, #activity-body tbody tr").all():
        expect(cell).to_be_in_viewport(ratio=1)  # none of them needs scrolling
    expect(page.locator(".views")).to_be_hidden()
    assert page.evaluate(boxes) == places
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_signs_are_told_by_keyboard_and_by_touch(page: Page) -> None:
    start(page)
    page.focus("#matrix-legend-open")
    page.keyboard.press("Enter")
    expect(page.locator("#matrix-legend")).to_contain_text("reply held")
    page.keyboard.press("Escape")
    expect(page.locator("#matrix-legend")).to_be_hidden()
    expect(page.locator("#matrix-legend-open")).to_be_focused()
    page.click("#view-timeline")
    page.click("#timeline-legend-open")
    for said in ("woke the task it leads to", "waits for a lock", "was cancelled", "a fault", "a note"):
        expect(page.locator("#timeline-legend")).to_contain_text(said)
    expect(page.locator("#timeline-legend")).to_be_in_viewport(ratio=1)
    # It stays while one steps.
    page.keyboard.press("n")
    on_step(page, 1)
    expect(page.locator("#timeline-legend")).to_be_visible()
