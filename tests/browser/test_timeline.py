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
    places = page.evaluate(boxes)
    page.click("#view-timeline")
    expect(page.locator("#view-timeline")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?step=0&view=timeline$"))
    expect(page.locator("#activity-body")).to_have_count(0)
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
