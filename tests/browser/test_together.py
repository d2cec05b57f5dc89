"""Several people at one run: a link for viewers, who is here, following, notes, the presenter view."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.axe import complaints_of_axe
from tests.browser.conftest import NewPage
from tests.browser.conftest import intercepted
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start

SOON = 15_000  # milliseconds; the bar is asked for every three seconds, and this machine may be busy


def call_me(page: Page, name: str) -> None:
    page.click("#watching summary")
    page.fill("#your-name", name)
    page.click("#name-save")
    expect(page.locator("#watching li", has_text=name)).to_contain_text("you")
    page.click("#watching summary")


def shared(page: Page) -> str:
    """A new share link to the run of this page."""
    page.keyboard.press("s")
    page.click("#share-make")
    link = page.locator("#share-link").inner_text()
    page.click("#share-close")
    return link


def recorded(page: Page) -> int:
    """A run that is over, at its end; the number of its last step."""
    start(page)
    page.click("button#failure")
    expect(page.locator("#outcome-title")).to_contain_text("reproduced")
    return int(page.locator("#room").get_attribute("data-last") or 0)


def test_a_viewer_follows_the_driver_of_a_live_run_and_changes_nothing(page: Page, new_page: NewPage) -> None:
    start(page)
    call_me(page, "Ann")
    page.keyboard.press("l")
    expect(page.locator("#company")).to_contain_text("You lead")
    viewer = new_page()
    viewer.goto(shared(page))
    viewer.wait_for_url(re.compile(r"/runs/\d+\?step=0$"))
    expect(viewer.locator(".viewer-note")).to_be_visible()
    expect(viewer.locator("#company")).to_contain_text("following Ann")
    expect(page.locator("#watching summary")).to_have_text("2 watching", timeout=SOON)
    expect(viewer.locator("button.choice, #stop, #share-open, #mark, #lead")).to_have_count(0)

    # The driver goes on: so does the viewer, along a run that both see change.
    page.click("button#next")
    on_step(page, 1)
    on_step(viewer, 1)
    page.click("button#next")
    on_step(viewer, 2)
    # The driver goes back: the viewer comes along, and no history is made of it.
    entries = viewer.evaluate("history.length")
    page.click("a#back")
    on_step(page, 1)
    on_step(viewer, 1)
    expect(viewer).to_have_url(page.url)
    assert viewer.evaluate("history.length") == entries
    # What a viewer cannot do says why.
    expect(viewer.locator("a#next")).to_be_visible()


def test_a_follower_looks_around_and_returns(page: Page, new_page: NewPage) -> None:
    last = recorded(page)
    call_me(page, "Ann")
    follower = new_page()
    follower.goto(page.url.partition("?")[0])
    page.keyboard.press("l")
    expect(follower.locator("#company .when-following")).to_be_visible(timeout=SOON)
    page.click("a#back")
    on_step(page, last - 1)
    on_step(follower, last - 1)

    follower.click("a#first")
    on_step(follower, 0)
    looking = follower.locator("#company .when-looking")
    expect(looking).to_contain_text(f"you are looking around; Ann is at step {last - 1}")
    page.click("a#back")
    on_step(page, last - 2)
    expect(looking).to_contain_text(f"Ann is at step {last - 2}")
    on_step(follower, 0)
    follower.keyboard.press("r")
    on_step(follower, last - 2)
    expect(follower.locator("#company .when-following")).to_be_visible()
    # A reload changes nothing of that; a link to another step is looked at alone.
    follower.reload()
    page.click("a#first")
    on_step(follower, 0)
    other = new_page()
    other.goto(page.url.replace("step=0", "step=3"))
    expect(other.locator("#company .when-looking")).to_be_visible()
    on_step(other, 3)

    # Who leads in two windows is not thrown about by them, however fast they go.
    second = page.context.new_page()
    second.goto(page.url)
    for number in range(1, 9):
        page.keyboard.press("ArrowRight")
        on_step(page, number)
    on_step(second, 8)
    on_step(follower, 8)
    on_step(page, 8)

    page.keyboard.press("l")
    expect(follower.locator("#company .led")).to_have_count(0)


def test_a_link_from_another_site_opens_and_a_revoked_one_ends(
    page: Page, new_page: NewPage, complaints: list[str]
) -> None:
    recorded(page)
    link = shared(page)
    viewer = new_page()
    # A chat on another site: its link is followed without the cookies of ours.
    viewer.route(
        "http://chat.example/", lambda route: route.fulfill(body=f'<a href="{link}">look</a>', content_type="text/html")
    )
    viewer.goto("http://chat.example/")
    viewer.click("a")
    viewer.wait_for_url(re.compile(r"/runs/\d+\?step="))
    expect(viewer.locator(".viewer-note")).to_be_visible()
    assert "share" not in viewer.url

    page.keyboard.press("s")
    page.locator('#share-list button[id^="revoke-"]').click()
    expect(page.locator("#share-list")).to_contain_text("revoked")
    expect(viewer.locator("h1")).to_have_text("This share link was revoked.", timeout=SOON)
    assert complaints  # of the page that was refused
    complaints.clear()
    viewer.click("#leave")
    expect(viewer.locator("#main .room")).to_be_visible()
    expect(viewer.locator(".viewer-note")).to_have_count(0)


def test_notes_by_keyboard_and_on_the_pages_of_others(page: Page, new_page: NewPage) -> None:
    last = recorded(page)
    call_me(page, "Ann")
    other = new_page()
    other.goto(page.url)
    page.keyboard.press("Home")
    on_step(page, 0)
    page.keyboard.press("m")
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.type("all three are inside one session")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_be_hidden()
    expect(page.locator("#events-body .note-here")).to_have_text(re.compile("Ann: all three are inside one session"))
    on_step(page, 0)
    page.click("#mark")  # and by hand: the way back is to where one came from
    expect(page.locator("#note-text")).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "mark"
    # The other's page is at the end of a run that is over, and hears of it all the same.
    expect(other.locator("#notes summary")).to_have_text("1 note", timeout=SOON)
    on_step(other, last)
    other.click("#notes summary")
    other.click("#notes li a >> nth=0")
    on_step(other, 0)

    page.click("#notes summary")
    page.click("#notes li button")
    expect(page.locator("#notice")).to_contain_text("The note was deleted.")
    expect(page.locator("#notes")).to_have_count(0)
    page.click("#undo")
    expect(page.locator("#notes summary")).to_have_text("1 note")
    expect(page.locator("#notice")).to_be_empty()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1920, 1080)])
def test_the_presenter_view_is_one_screen_that_does_not_move(new_page: NewPage, width: int, height: int) -> None:
    page = new_page(width, height)
    start(page)
    page.keyboard.press("v")
    expect(page.locator("html")).to_have_class("presenting")
    expect(page).to_have_url(re.compile(r"present=1$"))
    boxes = "[...document.querySelectorAll('.panel, .caption')].map(one => JSON.stringify(one.getBoundingClientRect()))"
    places = page.evaluate(boxes)
    for number in range(1, 8):
        page.keyboard.press("n")
        on_step(page, number)
        assert page.evaluate(boxes) == places
    expect(page).to_have_url(re.compile(r"step=7&present=1$"))
    for part in (".choices", ".matrix-panel", ".source-panel", ".outcome-panel", "#caption"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    for part in ("#stop", "#what-if", "#versions", "#branches", "#share-open", ".activity-panel"):
        expect(page.locator(part)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.keyboard.press("v")
    expect(page.locator("html")).not_to_have_class("presenting")
    on_step(page, 7)


def test_presenting_goes_on_through_every_button_that_remains(page: Page) -> None:
    recorded(page)
    page.keyboard.press("v")
    expect(page.locator("html")).to_have_class("presenting")
    failed = page.url
    page.click('[id^="fix-"] >> nth=0')
    expect(page).to_have_url(re.compile(r"/runs/\d+\?step=0&present=1$"))
    expect(page.locator("html")).to_have_class("presenting")
    page.click("button#failure")
    expect(page.locator("#outcome-title .chip").first).to_be_visible()

    page.goto(failed)
    page.click("a#first")
    on_step(page, 0)
    page.click("button.choice.branch >> nth=0")
    expect(page).to_have_url(re.compile(r"/runs/\d+\?step=1&present=1$"))
    page.click("button.choice.live >> nth=0")
    on_step(page, 2)
    expect(page).to_have_url(re.compile(r"\?step=2&present=1$"))
    expect(page.locator("html")).to_have_class("presenting")


def test_a_room_that_looks_on_sees_where_the_pointer_is_and_not_which_server(page: Page) -> None:
    page.goto("/-/gallery/room/waiting")
    expect(page.locator("#source-body")).to_contain_text("@writer.internal/app")
    page.goto("/-/gallery/room/presenting")
    expect(page.locator("#source-body")).to_contain_text("postgresql+asyncpg://***/app")
    for secret in ("writer.internal", "app:secret"):
        assert secret not in page.content()
    ring = page.locator(".pointer-ring")
    page.mouse.move(300, 200)
    page.mouse.move(310, 210)
    box = ring.bounding_box()
    assert box
    assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx((310, 210), abs=1)
    page.emulate_media(reduced_motion="reduce")
    assert ring.evaluate("one => getComputedStyle(one).transitionDuration") == "0s"
    said = page.locator("#caption .caption-text > *").first
    assert float(said.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")) >= 28


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_what_opens(new_page: NewPage, theme: str, complaints: list[str]) -> None:
    page = new_page(color_scheme=theme, bypass_csp=True)
    intercepted(page)
    recorded(page)
    found: list[str] = []

    def look(at: str) -> None:
        found.extend(complaints_of_axe(page, at))

    page.keyboard.press("m")
    expect(page.locator("#note-text")).to_be_visible()
    look("note")
    page.keyboard.press("Enter")
    page.click("#notes summary")
    look("notes")
    page.click("#notes li button")
    expect(page.locator("#undo")).to_be_visible()
    look("undo")
    page.click("#watching summary")
    look("watching")
    page.keyboard.press("s")
    page.click("#share-make")
    expect(page.locator("#share-link")).to_be_visible()
    look("share")
    page.route("**/revoke", lambda route: route.abort())
    page.locator('#share-list button[id^="revoke-"]').click()
    expect(page.locator("#share [role=alert]")).not_to_be_empty()
    look("share, with an error")
    page.unroute("**/revoke")
    link = page.locator("#share-link").inner_text()
    page.locator('#share-list button[id^="revoke-"]').click()
    page.keyboard.press("Escape")
    page.locator('[id^="task-"]').first.click()
    expect(page.locator("#task h2")).to_be_visible()
    look("task")
    page.keyboard.press("Escape")
    page.click("#polling-more summary")
    look("polling")
    page.click("#away summary")
    look("away")
    page.keyboard.press("?")
    look("help")
    page.keyboard.press("Escape")
    page.goto(page.url + "&present=1")
    look("presenting")
    page.goto("/-/gallery/room/waiting")
    for id in ("stop", "choice-x-t3"):
        page.locator("#what-if").evaluate("one => { one.open = true }")
        page.click(f"#{id}")
        expect(page.locator("#confirm")).to_be_visible()
        look(f"confirm: {id}")
        page.click("#confirm-no")
    page.goto(link)
    look("ended")
    complaints.clear()  # of the page that was refused
    assert not found
