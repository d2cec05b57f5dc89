"""How a page keeps up, and what it says when it cannot. Time is the page's own, moved by hand: no test waits for it."""

from __future__ import annotations

import re

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start
from tests.browser.test_what_if import sure


def polls(page: Page) -> list[str]:
    """What the page asks by itself, from now on: "live" for the picture, "company" for who is here."""
    asked: list[str] = []

    def note(url: str) -> None:
        if found := re.search(r"/(live|company)\?(rev|seen)=", url):
            asked.append(found[1])

    page.on("request", lambda request: note(request.url))
    return asked


def let_pass(page: Page, seconds: int) -> None:
    """In small pieces; none passes while something is asked for and not answered, however slow the machine is."""
    for _ in range(seconds * 5):
        page.clock.run_for(200)
        while page.evaluate("document.querySelector('.htmx-request') !== null"):
            pass


def started(page: Page) -> None:
    page.clock.install()
    start(page)
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))


def test_polling_rests_while_it_is_paused(page: Page) -> None:
    started(page)
    asked = polls(page)
    let_pass(page, 3)
    assert asked
    page.click("#poll")
    expect(page.locator("#poll")).to_have_text(re.compile("paused"))
    expect(page.locator("#poll")).to_have_attribute("aria-pressed", "true")
    asked.clear()
    let_pass(page, 20)
    assert not asked
    expect(page.locator("#updated")).to_have_text(re.compile(r"^(19|2\d) s ago$"))
    page.keyboard.press("p")  # the button has the focus; its key works all the same
    expect(page.locator("#poll")).to_have_text(re.compile("live"))
    assert set(asked) == {"live", "company"}
    expect(page.locator("#updated")).to_have_text("just now")


def test_of_a_run_that_is_over_only_the_company_is_asked_for_and_that_can_be_paused_too(page: Page) -> None:
    started(page)
    page.click("#stop")
    sure(page)
    expect(page.locator("#outcome-title")).to_contain_text("stopped")
    expect(page.locator("#poll")).to_have_text(re.compile("up to date"))
    asked = polls(page)
    let_pass(page, 7)
    assert set(asked) == {"company"}
    page.click("#poll")
    asked.clear()
    let_pass(page, 7)
    assert not asked


def test_a_pause_outlives_the_end_of_the_run(page: Page, new_page: NewPage) -> None:
    start(page)
    other = new_page()
    other.goto(page.url)
    page.click("#poll")
    other.click("#stop")
    sure(other)
    page.click("#polling-more summary")
    page.click("#refresh")  # asked for by hand, a page that is paused comes up to date
    expect(page.locator("#outcome-title")).to_contain_text("stopped")
    expect(page.locator("#poll")).to_have_text(re.compile("paused"))


def test_how_often_is_asked_can_be_chosen(page: Page) -> None:
    started(page)
    asked = polls(page)
    let_pass(page, 12)
    assert asked.count("live") >= 8
    page.click("#polling-more summary")
    page.select_option("#poll-every", "10")
    page.keyboard.press("Escape")
    asked.clear()
    let_pass(page, 31)
    assert 2 <= asked.count("live") <= 3
    page.click("button#next")  # what is chosen outlives a step
    on_step(page, 1)
    expect(page.locator("#poll-every")).to_have_value("10")


def test_a_dashboard_that_is_lost_is_said_asked_less_and_less_and_found_again(
    page: Page, complaints: list[str]
) -> None:
    started(page)
    lost: list[str] = []
    page.on("requestfailed", lambda request: lost.append(request.url) if "/live?rev=" in request.url else None)
    let_pass(page, 2)
    page.context.set_offline(True)
    let_pass(page, 30)
    assert 4 <= len(lost) <= 7  # after 1, 2, 4, 8 and 16 seconds; by the interval it were thirty
    banner = page.get_by_role("status").filter(has_text="Stale since")
    expect(banner).to_contain_text(re.compile(r"Stale since \d\d:\d\d:\d\d: the dashboard does not answer\."))
    expect(banner).to_be_in_viewport(ratio=1)
    expect(page.locator("#poll")).to_have_text(re.compile(r"stale since \d\d:\d\d:\d\d"))
    expect(page.locator("#updated")).to_have_text(re.compile(r"\d\d s ago"))
    # What was there stays, is grey, and says in a word why.
    expect(page.locator("#matrix-body th").first).to_be_visible()
    assert "grayscale" in page.evaluate("getComputedStyle(document.querySelector('.panels')).filter")
    assert page.evaluate("getComputedStyle(document.querySelector('#matrix-title'), '::after').content") == '"stale"'
    # No time passes: it is the browser's word that the network is there which brings it back.
    page.context.set_offline(False)
    expect(page.locator("#poll")).to_have_text(re.compile("live"))
    expect(page.locator("#stale")).to_be_hidden()
    assert complaints  # of the requests that were lost
    complaints.clear()


def test_what_is_answered_with_an_error_is_stale_for_another_reason(page: Page, complaints: list[str]) -> None:
    started(page)
    page.route("**/live?rev=*", lambda route: route.fulfill(status=503, body="<p>The store does not answer.</p>"))
    let_pass(page, 3)
    expect(page.locator("#stale")).to_contain_text("the dashboard answers with an error")
    expect(page.locator("#notice")).to_have_text("The store does not answer.")
    let_pass(page, 5)  # who is here is answered all the while, and does not hide it
    expect(page.locator("#stale")).to_be_visible()
    page.unroute("**/live?rev=*")
    page.click("#stale-ask")
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator("#notice")).to_be_empty()
    complaints.clear()


def test_a_tab_that_is_hidden_asks_nothing_and_catches_up(page: Page) -> None:
    started(page)
    # Headless pages are never hidden: the browser's word for it is put in its place.
    page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away === true })")
    page.evaluate("window.away = true")
    asked = polls(page)
    let_pass(page, 10)
    assert not asked
    with page.expect_request(re.compile(r"/live\?rev=")):
        page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_click_that_is_not_answered_says_so(page: Page, complaints: list[str]) -> None:
    started(page)
    page.context.set_offline(True)
    page.click("button#next")
    expect(page.get_by_role("alert").filter(has_text="The dashboard does not answer.")).to_be_visible()
    on_step(page, 0)
    page.context.set_offline(False)
    page.click("button#next")
    on_step(page, 1)
    expect(page.locator("#notice")).to_be_empty()
    complaints.clear()
