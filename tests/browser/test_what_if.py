"""Faults on a live run: each is asked once more, changes the run for everybody, and stands in the schedule."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start


def sure(page: Page) -> None:
    """Yes to what is asked once more."""
    expect(page.locator("#confirm")).to_be_visible()
    page.click("#confirm-yes")
    expect(page.locator("#confirm")).to_be_hidden()


def schedule(page: Page) -> str:
    return page.locator("#outcome-body .schedule").inner_text()


@pytest.mark.parametrize(
    ("token", "question", "happened"),
    [
        ("x:t3", "Cancel task “second”?", "task second was cancelled from outside"),
        ("k:c1", "End the backend of", "was ended"),
        ("d:c1", "Drop the connection", "was dropped"),
        ("e", "The process dies: all its connections end at once?", "the process died"),
    ],
)
def test_a_fault_is_asked_once_more_changes_the_run_and_is_in_its_schedule(
    page: Page, new_page: NewPage, token: str, question: str, happened: str
) -> None:
    start(page)
    page.click("button#next")
    on_step(page, 1)
    other = new_page()
    other.goto(page.url)
    page.click("#what-if summary")
    button = page.locator(f"#choice-{token.replace(':', '-')}")
    button.click()
    dialog = page.get_by_role("dialog", name=re.compile(re.escape(question)))
    expect(dialog).to_contain_text("This run cannot take it back")
    expect(page.locator("#confirm-no")).to_be_focused()  # Enter does no harm
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    on_step(page, 1)

    button.click()
    sure(page)
    on_step(page, 2)
    on_step(other, 2)
    expect(other.locator("#events-body")).to_contain_text(re.compile(happened.replace("second", "“?second”?")))
    if page.locator("#stop").count():
        page.click("#stop")
        sure(page)
    expect(page.locator("#outcome-title .chip").first).to_be_visible()
    assert f"2={token}" in schedule(page)


def test_a_question_stands_still_and_an_answer_to_an_old_picture_does_nothing(page: Page, new_page: NewPage) -> None:
    start(page)
    other = new_page()
    other.goto(page.url)
    page.click("#what-if summary")
    page.click('[id^="choice-x-"] >> nth=0')
    other.click("button#next")
    on_step(other, 1)
    on_step(page, 0)
    sure(page)
    expect(page.locator(".refused")).to_contain_text("somebody else is driving")
    on_step(page, 1)


def test_stopping_is_asked_once_more(page: Page) -> None:
    start(page)
    page.click("#stop")
    expect(page.get_by_role("dialog", name="Stop the run?")).to_contain_text("for everybody who watches")
    page.keyboard.press("Escape")
    expect(page.locator("#stop")).to_be_focused()
    page.click("button#next")  # it goes on
    on_step(page, 1)


def test_a_timer_and_a_branch_are_not_asked_for_they_lose_nothing(page: Page) -> None:
    start(page)
    while not page.locator("#choice-t").count():
        before = page.locator("#caption .position").inner_text()
        page.click("button#next")
        expect(page.locator("#caption .position")).not_to_have_text(before)
    at = int(page.locator("#here").input_value())
    page.click("#choice-t")
    on_step(page, at + 1)
    page.click("a#back")
    on_step(page, at)
    page.click("#what-if summary")
    page.click('[id^="branch-x-"] >> nth=0')
    expect(page.locator("#branches summary")).to_contain_text(f"after step {at}")
    on_step(page, at + 1)
