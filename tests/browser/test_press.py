"""What somebody presses is done, or they are told: also while the answer to something else is on its way."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page
from playwright.sync_api import Route
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.conftest import intercepted
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start


@pytest.fixture
def page(page: Page) -> Page:
    intercepted(page)
    return page


class Held:
    """Requests of a page that do not go out until they are let."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.page = page
        self.routes: list[Route] = []
        page.route(pattern, lambda route: self.routes.append(route))

    def let_one(self) -> None:
        until = time.monotonic() + 20
        while not self.routes:
            self.page.evaluate("1")  # events come while something is asked of the page
            assert time.monotonic() < until, "what was pressed was never asked for"
        self.routes.pop(0).continue_()


def test_next_pressed_before_the_answer_has_come_is_pressed_in_what_it_brings(page: Page) -> None:
    start(page)
    page.evaluate("() => { for (let presses = 0; presses < 3; presses++) document.getElementById('next').click(); }")
    on_step(page, 3)
    expect(page.locator("#notice")).to_be_empty()


def test_a_button_goes_on_working_when_its_picture_was_replaced_while_it_asked(page: Page) -> None:
    start(page)
    held = Held(page, "**/commands")
    with page.expect_request("**/commands"):
        page.keyboard.press("n")
    page.evaluate(
        """() => {
            const [old, anew] = [room, room.cloneNode(true)];
            old.replaceWith(anew);
            htmx.process(anew);
        }"""
    )
    held.let_one()
    on_step(page, 1)
    page.keyboard.press("n")
    held.let_one()
    on_step(page, 2)


def test_recorded_steps_are_gone_through_as_often_as_is_pressed(page: Page) -> None:
    start(page)
    page.click("button#failure")
    expect(page.locator("#caption .bad-text")).to_be_visible()
    page.click("#view-timeline")
    page.click("a#first")
    on_step(page, 0)
    held = Held(page, "**/live?step=*")
    for _ in range(3):
        page.click("a#next")
    page.click("#mark-6")
    for number in (1, 2, 3, 6):
        held.let_one()
        on_step(page, number)
    assert not held.routes


def test_a_choice_is_of_the_step_that_was_seen(page: Page) -> None:
    start(page)
    held = Held(page, "**/commands")
    page.click("button#next")
    page.locator("button.choice").first.click()
    held.let_one()
    on_step(page, 1)
    expect(page.get_by_role("alert").filter(has_text="was not done")).to_be_visible()
    page.click("button#next")
    held.let_one()
    on_step(page, 2)
    expect(page.locator("#notice")).to_be_empty()
    assert not held.routes


def test_a_key_held_down_stops_with_its_release(page: Page) -> None:
    start(page)
    held = Held(page, "**/commands")
    for _ in range(5):
        page.keyboard.down("n")  # each but the first is a repetition
    page.keyboard.up("n")
    held.let_one()
    on_step(page, 1)
    page.keyboard.press("n")
    held.let_one()
    on_step(page, 2)
    assert not held.routes


@pytest.mark.parametrize("by", ["mouse", "space"])
def test_a_press_that_the_answer_to_the_one_before_it_falls_into_is_a_press(page: Page, by: str) -> None:
    start(page)
    held = Held(page, "**/commands")
    page.click("button#next")
    page.hover("button#next")
    page.focus("button#next")
    page.mouse.down() if by == "mouse" else page.keyboard.down(" ")
    held.let_one()
    on_step(page, 1)
    page.mouse.up() if by == "mouse" else page.keyboard.up(" ")
    held.let_one()
    on_step(page, 2)
    assert not held.routes


@pytest.mark.parametrize("by", ["mouse", "space"])
def test_nothing_that_comes_by_itself_is_shown_under_a_press(page: Page, new_page: NewPage, by: str) -> None:
    start(page)
    other = new_page()
    other.goto(page.url)
    page.hover("button#next")
    page.focus("button#next")
    page.mouse.down() if by == "mouse" else page.keyboard.down(" ")
    other.click("button#next")
    on_step(other, 1)
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url) if "/live?rev=" in answer.url else None)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.mouse.up() if by == "mouse" else page.keyboard.up(" ")
    # It was meant for the step that was seen, and the server says that the run has gone on.
    expect(page.locator("#stepper .refused")).to_be_visible()
    on_step(page, 1)


def test_what_is_asked_once_more_is_asked_of_the_picture_that_came(page: Page) -> None:
    start(page)
    held = Held(page, "**/commands")
    page.click("button#next")
    page.click("#stop")
    expect(page.locator("#confirm")).to_be_hidden()
    held.let_one()
    on_step(page, 1)
    page.click("#confirm-yes")
    held.let_one()
    expect(page.locator("#outcome-title")).to_contain_text("stopped")
