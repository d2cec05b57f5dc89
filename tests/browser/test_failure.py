"""The page of a failure, as somebody reads it who sees it for the first time."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.test_walk import TWOPHASE
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start
from tests.browser.test_what_if import sure

WHERE = "[...document.querySelectorAll('.source-panel .line code')].map(one => one.getBoundingClientRect().left)"


@pytest.mark.parametrize("forced", ["none", "active"])
def test_what_happened_comes_first_and_what_to_do_is_in_sight(new_page: NewPage, forced: str) -> None:
    page = new_page(forced_colors=forced)
    start(page)
    page.click("#what-if summary")
    page.locator("#choices-body").evaluate("one => one.scrollTop = 60")  # what is told in the end begins at its top
    page.click("button#failure")
    while page.locator("button#next").count():
        before = page.locator("#caption .position").inner_text()
        page.click("button#next")
        expect(page.locator("#caption .position")).not_to_have_text(before)
    lead, symptom = page.locator("#caption .lead"), page.locator("#caption .bad-text")
    expect(lead).to_contain_text("“first” committed the shared session s1")
    expect(symptom).to_contain_text(TWOPHASE)
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    assert lead.evaluate(size) > symptom.evaluate(size)
    for part in ("#choices-body .remedy", "#fix-session_per_task", "#fix-sequential", "#again-step"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    for line in ("broken.py-16", "broken.py-22", "session.py-52"):  # the query, the gather, the commit
        expect(page.locator(f'[id="cite-{line}"]')).to_have_count(1)
    # A line that the proof names leads to its place in the source; a word that nobody is born with says what it means.
    page.locator(".proof .at-line", has_text="session.py:52").first.click()
    expect(page.locator('[id="cite-session.py-52"]')).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollY") == 0
    for opens in (lambda one: one.click(), lambda one: one.press("Enter")):
        word = page.locator(".proof .term", has_text="s1").first
        opens(word)
        expect(page.locator("#term-s1")).to_be_in_viewport(ratio=1)
        expect(page.locator("#term-s1")).to_contain_text("one task at a time")
        page.keyboard.press("Escape")
        expect(page.locator("#term-s1")).to_be_hidden()
    page.locator('[id="cite-session.py-52"]').click()
    expect(page.locator("#caption .position")).to_contain_text("step 26 of")
    here = page.locator(".top nav a[aria-current]").evaluate("one => getComputedStyle(one).borderBottomColor")
    assert here != page.locator(".top nav a").first.evaluate("one => getComputedStyle(one).borderBottomColor")


def test_a_failure_that_nobody_is_told_of_has_a_step_as_well(page: Page) -> None:
    page.goto("/incidents/lost_update?program=broken&stack=sqlalchemy-2.1&mode=replay&schedule=il1:")
    page.click("#form-run")
    expect(page.locator("#outcome-title")).to_contain_text("silent")
    since = page.locator(".proof li", has_text="from here on the rule")
    expect(since).to_contain_text("every deposit that reported success is in the balance")
    step = since.locator("a").first.inner_text()
    page.locator("#failure").click()
    expect(page.locator("#caption .position")).to_contain_text(f"{step} of")
    expect(page.locator("#events-body")).to_contain_text("is broken now: balance = 120, should_be = 110 or 130")
    expect(page.locator("#caption .lead")).to_contain_text("did not see what “ten” had written")
    page.click("#back")
    expect(page.locator("#caption .position")).not_to_contain_text(f"{step} of")
    since.locator("a").first.click()  # each line of the proof leads to its step
    expect(page.locator("#caption .position")).to_contain_text(f"{step} of")


def test_code_keeps_its_place_whoever_stands_at_it(page: Page) -> None:
    start(page)
    places = page.evaluate(WHERE)
    for number in range(1, 5):
        page.click("button#next")
        on_step(page, number)
        assert page.evaluate(WHERE) == places


def test_focus_is_never_lost_and_nothing_stays_open_over_it(page: Page) -> None:
    start(page)
    page.focus("#what-if summary")
    page.keyboard.press("n")
    on_step(page, 1)
    assert page.evaluate("document.activeElement.matches('#what-if summary')")
    page.focus("#away summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("#away .popover")).to_be_hidden()
    assert page.evaluate("document.activeElement.matches('#away summary')")
    page.keyboard.press("Enter")
    expect(page.locator("#away .popover")).to_be_visible()
    page.focus("#slider")
    expect(page.locator("#away .popover")).to_be_hidden()


def test_the_tree_on_an_open_page_follows_what_is_branched_elsewhere(page: Page, new_page: NewPage) -> None:
    start(page)
    page.click("button#next")
    on_step(page, 1)
    page.click("a#back")
    on_step(page, 0)
    other = new_page()
    other.goto(page.url)
    page.focus("#slider")
    other.locator("button.choice.branch").first.click()
    expect(other.locator("#branches summary")).to_contain_text("branch of run")
    expect(page.locator("#branches summary")).to_have_text("1 branch")
    on_step(page, 0)
    assert page.evaluate("document.activeElement.id") == "slider"
    page.click("#branches summary")
    other.click("#stop")
    sure(other)
    expect(page.locator("#branches li").last).to_contain_text("stopped")
    expect(page.locator("#branches .popover")).to_be_visible()
