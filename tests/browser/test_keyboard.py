"""A whole walk without a mouse, what is said to those who cannot see it, and dialogs that open with their content."""

from __future__ import annotations

import re
from itertools import pairwise

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import intercepted
from tests.browser.test_together import recorded
from tests.browser.test_walk import RUN
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start

HEARD = """() => {
  window.heard = [];
  const place = document.getElementById("announce");
  const hear = () => window.heard.push([performance.now(), place.textContent]);
  new MutationObserver(hear).observe(place, { childList: true });
  return performance.now();
}"""


def tab_to(page: Page, wanted: str) -> None:
    """As often as it takes; a control that no Tab reaches is an error."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def test_a_whole_walk_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    tab_to(page, RUN)
    page.keyboard.press("Enter")
    on_step(page, 0)

    # Choose by the number, and by Tab; step forth and back.
    page.keyboard.press("1")
    on_step(page, 1)
    tab_to(page, "button.choice")
    page.keyboard.press("Enter")
    on_step(page, 2)
    page.keyboard.press("ArrowRight")
    on_step(page, 3)
    page.keyboard.press("ArrowLeft")
    on_step(page, 2)
    page.keyboard.press("End")
    on_step(page, 3)

    # What if: a task is cancelled, which is asked once more.
    page.focus("#main")
    tab_to(page, "#what-if summary")
    page.keyboard.press("Enter")
    tab_to(page, "#choice-x-t3")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm-no")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    on_step(page, 4)
    expect(page.locator("#events-body")).to_contain_text("was cancelled from outside")

    # A bookmark with a note; the stack of a task; a link for viewers. Each closes, and the page is where it was.
    page.keyboard.press("m")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type("cancelled by hand")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_be_hidden()
    expect(page.locator("#notes summary")).to_have_text("1 note")
    page.focus("#main")
    tab_to(page, '[id^="task-"]')
    page.keyboard.press("Enter")
    expect(page.locator("#task h2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#task")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('[id^=task-]')")
    page.keyboard.press("s")
    tab_to(page, "#share-make")
    page.keyboard.press("Enter")
    expect(page.locator("#share-link")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#share")).to_be_hidden()
    on_step(page, 4)

    # Another way from the beginning, in a branch; and enough of that.
    page.keyboard.press("Home")
    on_step(page, 0)
    page.focus("#main")
    tab_to(page, "button.choice.branch")
    page.keyboard.press("Enter")
    expect(page.locator("#branches summary")).to_contain_text("branch of run")
    expect(page.locator("#stop")).to_be_visible()
    tab_to(page, "#stop")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome-title")).to_contain_text("stopped")


def test_a_panel_keeps_the_keys_that_scroll_it(page: Page) -> None:
    start(page)
    tab_to(page, "#source-body")
    page.keyboard.press("ArrowRight")
    assert any(page.evaluate("document.getElementById('source-body').scrollLeft > 0") for _ in range(500))
    on_step(page, 0)
    page.keyboard.press("n")  # the other keys do what they do everywhere
    on_step(page, 1)
    page.keyboard.press("End")
    on_step(page, 1)
    # Taken hold of by mouse, it does not.
    page.click("#events-body")
    page.keyboard.press("ArrowLeft")
    on_step(page, 0)


def test_playing_is_told_a_sentence_at_a_time_and_its_end_at_once(page: Page) -> None:
    last = recorded(page)
    page.click("a#first")
    on_step(page, 0)
    page.select_option("#speed", "4")
    began = page.evaluate(HEARD)
    page.click("button#play")
    expect(page.locator("#caption .position")).to_have_text(f"step {last} of {last}", timeout=60_000)
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#announce")).to_contain_text(f"step {last} of {last}: ")
    heard = page.evaluate("window.heard")
    took = heard[-1][0] - began
    assert took > 5000  # else this would prove nothing
    assert len(heard) <= 2 + took // 5000
    breaths = [late[0] - early[0] for early, late in pairwise(heard)]
    assert all(one > 4900 for one in breaths[:-1])
    # A step by hand is told at once.
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#announce")).to_contain_text(f"step {last - 1} of {last}: ")


def test_a_live_run_that_goes_on_by_itself_is_told_so_too(page: Page) -> None:
    start(page)
    page.evaluate(HEARD)
    page.select_option("#speed", "4")
    page.click("button#play")
    expect(page.locator("#caption .position")).to_contain_text(re.compile(r"step ([89]|1\d) of"))
    page.click("button#play")
    expect(page.locator(".choices.is-live")).to_be_visible()
    at = page.locator("#here").input_value()
    expect(page.locator("#announce")).to_contain_text(f"step {at} of {at}: ")
    assert len(page.evaluate("window.heard")) <= 4  # of eight steps and more


def test_what_is_on_its_way_is_marked_as_busy(page: Page) -> None:
    intercepted(page)
    recorded(page)
    held = []
    page.route("**/live?step=*", lambda route: held.append(route))
    page.click("a#first")
    expect(page.locator("#room")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    on_step(page, 0)
    expect(page.locator("#room")).not_to_have_attribute("aria-busy", "true")


def test_a_dialog_opens_with_its_content_and_says_its_own_errors(page: Page, complaints: list[str]) -> None:
    intercepted(page)
    start(page)
    held = []
    page.route("**/shares", lambda route: held.append(route))
    page.click("#share-open")
    expect(page.locator("#share")).to_be_hidden()
    held.pop().abort()
    expect(page.locator("#notice")).to_contain_text("The dashboard does not answer.")
    expect(page.locator("#share")).to_be_hidden()
    page.unroute("**/shares")
    page.click("#share-open")
    expect(page.locator("#share-make")).to_be_visible()
    expect(page.locator("#notice")).to_be_empty()
    # What goes wrong inside is said inside: the page under a dialog is out of reach.
    page.route("**/shares", lambda route: route.abort())
    page.click("#share-make")
    expect(page.locator("#share").get_by_role("alert")).to_contain_text("The dashboard does not answer.")
    expect(page.locator("#notice")).to_be_empty()
    page.unroute("**/shares")
    page.keyboard.press("Escape")

    page.keyboard.press("m")
    expect(page.locator("#note-text")).to_be_focused()
    page.evaluate("document.getElementById('note-text').maxLength = 5000")
    page.fill("#note-text", "x" * 1500)
    page.keyboard.press("Enter")
    expect(page.locator("#note").get_by_role("alert")).to_contain_text("This note is longer than 1000 characters.")
    page.fill("#note-text", "short")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_be_hidden()
    page.keyboard.press("m")  # and the next time nothing of it is left
    expect(page.locator("#note-text")).to_be_focused()
    expect(page.locator("#note").get_by_role("alert")).to_be_empty()
    assert complaints
    complaints.clear()
