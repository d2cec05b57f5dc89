"""The main job, as somebody at an incident review does it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.conftest import NewPage

RUN = '[id="run-shared_session-sqlalchemy-1.4.42"]'
TWOPHASE = "AttributeError: 'NoneType' object has no attribute 'twophase'"


def start(page: Page) -> None:
    """From the home page to the first choice of the origin incident."""
    page.goto("/")
    page.click(RUN)
    expect(page.locator("button#next")).to_be_visible()
    page.wait_for_load_state()  # until its scripts are there a press loads the page anew, as it does without scripts


def picture(page: Page) -> dict[str, str]:
    """What the page says of a step, apart from what belongs to its reader."""
    parts = ("caption", "matrix-body", "activity-body", "sessions-body", "events-body", "source-body", "outcome-body")
    return {part: page.locator(f"#{part}").inner_text() for part in parts}


def on_step(page: Page, number: int) -> None:
    expect(page.locator("#caption .position")).to_contain_text(f"step {number} of")


def test_from_the_home_page_to_the_failure_and_into_another_browser(page: Page, new_page: NewPage) -> None:
    start(page)
    on_step(page, 0)
    expect(page).to_have_url(re.compile(r"/runs/\d+\?step=0$"))

    # Each step shows something else of the tasks and of the server.
    pictures = [picture(page)]
    for number in range(1, 8):
        page.click("button#next")
        on_step(page, number)
        pictures.append(picture(page))
    assert len({one["matrix-body"] for one in pictures}) > 4
    assert len({one["activity-body"] for one in pictures}) > 2
    expect(page).to_have_url(re.compile(r"\?step=7$"))

    # A choice that is not the default one: by its button, which says what it will do.
    choice = page.locator("button.choice").first
    expect(choice).to_contain_text("deliver the reply")
    choice.click()
    on_step(page, 8)

    # To the failure.
    page.click("button#failure")
    expect(page.locator("#caption .bad-text")).to_be_visible()
    while page.locator("button#next").count():
        before = page.locator("#caption .position").inner_text()
        page.click("button#next")
        expect(page.locator("#caption .position")).not_to_have_text(before)
    expect(page.locator("#outcome-title")).to_contain_text("error")

    # Back in time, by link and by key.
    last = page.locator("#caption").inner_text()
    page.click("a#back")
    expect(page.locator("#caption")).not_to_contain_text(last.split("\n")[0])
    here = picture(page)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#caption")).not_to_have_text(here["caption"])
    page.keyboard.press("ArrowRight")
    expect(page.locator("#caption")).to_have_text(re.compile(re.escape(here["caption"].split("\n")[0])))

    # The link shows the same picture elsewhere.
    link = page.locator("#copy-link").get_attribute("data-copy")
    assert link
    assert page.url.endswith(link)
    other = new_page()
    other.goto(link)
    assert picture(other) == picture(page)


def test_the_shipped_schedule_shows_the_error_of_the_incident(page: Page) -> None:
    start(page)
    page.click("button#failure")
    expect(page.locator("#caption .bad-text").first).to_contain_text(TWOPHASE)
    expect(page.locator("#outcome-title")).to_contain_text("reproduced")
    expect(page.locator("#outcome-body .why")).to_contain_text("session")
    expect(page.locator(".marker.error").first).to_be_visible()


def test_a_follower_sees_what_the_driver_does_and_stays_where_they_look(page: Page, new_page: NewPage) -> None:
    start(page)
    follower, looker = new_page(), new_page()
    follower.goto(page.url)
    page.click("button#next")
    on_step(page, 1)
    on_step(follower, 1)
    expect(follower).to_have_url(page.url)
    looker.goto(page.url.replace("step=1", "step=0"))
    page.click("button#next")
    on_step(follower, 2)
    expect(looker.locator("#caption .position")).to_have_text("step 0 of 2")
    # Two drivers: the one whose picture was old is told, and nothing was done.
    follower.click("#poll")
    page.click("button#next")
    on_step(page, 3)
    follower.click("button#next")
    expect(follower.locator(".refused")).to_contain_text("somebody else is driving")
    on_step(follower, 3)


def test_nothing_jumps_when_the_picture_changes(page: Page) -> None:
    start(page)
    boxes = "[...document.querySelectorAll('.panel')].map(panel => JSON.stringify(panel.getBoundingClientRect()))"
    places = page.evaluate(boxes)
    for number in range(1, 12):
        page.click("button#next")
        on_step(page, number)
        assert page.evaluate(boxes) == places
        assert page.evaluate("document.activeElement.id") == "next"
    tall = page.evaluate(
        "[document.documentElement.scrollHeight, innerHeight, document.documentElement.scrollWidth, innerWidth]"
    )
    assert tall[0] <= tall[1]
    assert tall[2] <= tall[3]


def test_inner_scroll_and_open_folds_outlive_a_step(page: Page) -> None:
    start(page)
    page.click("#what-if summary")
    page.evaluate("document.querySelector('#choices-body').scrollTop = 40")
    page.click("button#next")
    on_step(page, 1)
    assert page.evaluate("document.querySelector('#what-if').open")
    assert page.evaluate("document.querySelector('#choices-body').scrollTop") > 0


def test_playing_goes_on_by_itself_until_it_is_paused(page: Page) -> None:
    start(page)
    page.select_option("#speed", "4")
    page.click("button#play")
    expect(page.locator("#caption .position")).to_contain_text(re.compile(r"step ([3-9]|1[0-9]) of"))
    page.click("button#play")
    expect(page.locator(".choices.is-live")).to_be_visible()
    # Recorded steps are played by the browser.
    page.click("a#first")
    on_step(page, 0)
    page.click("button#play")
    expect(page.locator("#caption .position")).to_contain_text(re.compile(r"step ([2-9]|1[0-9]) of"))
    expect(page.locator("#speed")).to_have_value("4")


def test_keys_can_be_looked_up_and_switched_off(page: Page) -> None:
    start(page)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    on_step(page, 0)
    page.click("#help-open")
    page.check("#keys-on")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    on_step(page, 1)


def test_a_task_shows_its_whole_stack(page: Page) -> None:
    start(page)
    page.get_by_title("The whole stack of second").click()
    expect(page.locator("#task")).to_be_visible()
    expect(page.locator("#task .frame.ours").last).to_contain_text("await session.execute")
    expect(page.locator("#task .folded").first).to_contain_text("inside sqlalchemy")
    page.keyboard.press("Escape")
    expect(page.locator("#task")).to_be_hidden()


def test_the_theme_is_kept_without_a_flash(page: Page) -> None:
    page.goto("/")
    page.click("#theme")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto("/runs")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert (
        page.evaluate(
            "getComputedStyle(document.body).colorScheme || getComputedStyle(document.documentElement).colorScheme"
        )
        == "dark"
    )


@pytest.mark.parametrize("said", ["", "web-1  | ", "  | "], ids=["alone", "in a log", "in a group of exceptions"])
def test_a_pasted_traceback_is_found_however_long_it_is(new_page: NewPage, said: str) -> None:
    frame = '  File "/usr/lib/python3.9/site-packages/starlette/routing.py", line 656, in app\n    await handle()\n'
    lines = f"Traceback (most recent call last):\n{frame * 40}{TWOPHASE}".splitlines()
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/")
    page.evaluate("text => navigator.clipboard.writeText(text)", "\n".join(said + line for line in lines))
    page.focus("#search")
    page.keyboard.press("Control+v")
    expect(page.locator("#guide")).to_contain_text("A known error.")
    expect(page.locator("#guide-shared_session")).to_be_visible()
    expect(page.locator("#search")).to_have_value((said + TWOPHASE).strip())
