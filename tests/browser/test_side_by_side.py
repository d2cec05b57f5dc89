"""Two runs side by side, and a run as a file, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.axe import complaints_of_axe
from tests.browser.conftest import NewPage
from tests.browser.test_walk import TWOPHASE
from tests.browser.test_walk import start


def failed_run(page: Page) -> str:
    """The incident's run on its own stack, to its failure; its address."""
    start(page)
    page.click("button#failure")
    expect(page.locator("#outcome-title")).to_contain_text("reproduced")
    return page.url.partition("?")[0]


def test_the_same_schedule_on_another_stack_steps_beside_it(page: Page, new_page: NewPage) -> None:
    failed_run(page)
    page.keyboard.press("w")
    page.click("#with-stack-sqlalchemy-2\\.1")

    # It opens where they begin to differ, and says so in words.
    said = page.locator("#compare-said")
    expect(said).to_contain_text("They differ from step 0 on")
    expect(page.locator(".side-a .stack-name")).to_have_text("sqlalchemy-1.4.42")
    expect(page.locator(".side-b .stack-name")).to_have_text("sqlalchemy-2.1")
    expect(page.locator(".side-b .side-caption")).to_contain_text("InvalidRequestError")
    expect(page.locator("#differences-body")).to_contain_text("raised InvalidRequestError")

    # One stepper moves both, by keys alone; the other run is over, and stays where it is.
    boxes = "[...document.querySelectorAll('.panel')].map(panel => JSON.stringify(panel.getBoundingClientRect()))"
    places = page.evaluate(boxes)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".side-a .side-caption")).to_contain_text("step 1 of")
    expect(page.locator(".side-b .side-caption")).to_contain_text("this run is over")
    assert page.evaluate(boxes) == places  # nothing jumps
    page.keyboard.press("f")
    expect(page.locator(".side-a .side-caption")).to_contain_text(TWOPHASE)
    expect(page).to_have_url(re.compile(r"/compare\?a=\d+&b=\d+&step=\d+$"))

    # The address holds it all.
    other = new_page()
    other.goto(page.url)
    for part in (".side-a .side-caption", "#a-matrix-body", "#b-matrix-body", "#differences-body", "#rows-body"):
        assert other.locator(part).inner_text() == page.locator(part).inner_text()
    page.keyboard.press("x")
    expect(page.locator("#caption .position")).to_contain_text("row 0 of")
    page.click("#view-server")
    expect(page.locator("#a-activity-body")).to_be_visible()
    expect(page).to_have_url(re.compile("view=server"))
    compared = page.url

    # The presenter view of it is one screen too, keeps itself while stepping, and has nothing that axe complains of.
    for theme, (width, height) in (("light", (1440, 900)), ("dark", (1920, 1080))):
        shown = new_page(width, height, color_scheme=theme, bypass_csp=True)
        shown.goto(compared)
        shown.keyboard.press("v")
        expect(shown.locator("html")).to_have_class("presenting")
        expect(shown.locator("#rows-body")).to_be_hidden()
        places = shown.evaluate(boxes)
        shown.keyboard.press("ArrowRight")
        expect(shown.locator("#caption .position")).to_contain_text("row 1 of")
        expect(shown).to_have_url(re.compile(r"&view=server&present=1&step=1$"))
        assert shown.evaluate(boxes) == places
        for part in ("#a-matrix-body", "#b-matrix-body", "#a-activity-body", "#view-source", "#caption"):
            expect(shown.locator(part)).to_be_in_viewport(ratio=1)
        assert shown.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not complaints_of_axe(shown)
        shown.keyboard.press("v")
        expect(shown.locator("html")).not_to_have_class("presenting")
        expect(shown.locator("#caption .position")).to_contain_text("row 1 of")


def ended(page: Page, query: str, outcome: str) -> str:
    """A run started from its incident's form, when it is over; its number."""
    page.goto(f"/incidents/lock_order?program=broken&stack=sqlalchemy-2.1&{query}")
    page.click("#form-run")
    expect(page.locator("#outcome-title")).to_contain_text(outcome)
    return re.findall(r"/runs/(\d+)", page.url)[0]


def test_what_fails_stands_beside_a_run_that_got_away(page: Page) -> None:
    got_away = ended(page, "mode=random&seed=2", "ok")
    ended(page, "mode=replay", "error")
    page.keyboard.press("w")
    page.click(f"#with-run-{got_away}")

    # The same program and stack, another order: at the first difference, marked in words on either side.
    said = page.locator("#compare-said")
    expect(said).to_contain_text(re.compile(r"They differ from step \d+ on"))
    first = int(re.findall(r"from step (\d+) on", said.inner_text())[0])
    expect(page.locator(".rows tr.current")).to_contain_text("≠")
    expect(page.locator(".rows tr.differing").first).to_have_attribute("aria-current", "step")
    # One stepper for both; with each step both matrices tell another picture.
    before = [page.locator(f"#{side}-matrix-body").inner_text() for side in "ab"]
    for number in range(1, 4):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#caption .position")).to_contain_text(f"row {first + number} of")
    assert [page.locator(f"#{side}-matrix-body").inner_text() for side in "ab"] != before
    page.keyboard.press("f")
    expect(page.locator(".side-a .side-caption")).to_contain_text("deadlock detected")
    expect(page.locator(".side-b .side-caption")).not_to_contain_text("raised")
    page.keyboard.press("x")
    expect(page.locator("#caption .position")).to_contain_text(f"row {first} of")


def test_what_is_broken_stands_beside_its_fix(page: Page) -> None:
    failed_run(page)
    page.keyboard.press("w")
    page.click("#with-program-session_per_task")
    expect(page.locator("#compare-said")).to_contain_text(re.compile(r"They differ from step \d+ on"))
    expect(page.locator("#b-head")).to_contain_text("session_per_task")
    # Three sessions instead of one: what differs is said of what is there, in words.
    expect(page.locator("#differences-body tbody tr").first).to_be_visible()
    expect(page.locator("#b-head .chip").first).to_contain_text("ok")  # while it goes on, rows come in between
    page.keyboard.press("f")
    expect(page.locator(".side-a .side-caption")).to_contain_text(TWOPHASE)
    page.keyboard.press("End")
    expect(page.locator("#b-matrix-body")).to_contain_text("returned")
    expect(page.locator("#a-matrix-body")).to_contain_text("raised")


def test_a_run_as_a_file_steps_without_any_server(page: Page, browser: Browser, tmp_path: Path) -> None:
    failed_run(page)
    caption = page.locator("#caption .caption-text").inner_text()
    page.keyboard.press("m")
    page.fill("#note-text", "this is where it shows")
    page.keyboard.press("Enter")
    expect(page.locator("#notes")).to_have_count(1)
    expect(page.locator("#note")).to_be_hidden()
    page.keyboard.press("t")
    with page.expect_download() as saved:
        page.click("#offline")
    file = tmp_path / "run.html"
    saved.value.save_as(file)

    for theme in ("light", "dark"):
        context = browser.new_context(
            offline=True, color_scheme="dark" if theme == "dark" else "light", viewport={"width": 1440, "height": 900}
        )
        alone = context.new_page()
        wrong: list[str] = []
        alone.on("request", lambda request, wrong=wrong: wrong.append(request.url))  # type: ignore[misc]
        alone.on("console", lambda message, wrong=wrong: wrong.append(message.text))  # type: ignore[misc]
        alone.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))  # type: ignore[misc]
        alone.goto(file.as_uri())
        expect(alone.locator("#caption .caption-text")).to_have_text(caption)
        alone.keyboard.press("Home")
        expect(alone.locator("#caption .position")).to_contain_text("step 0 of")
        expect(alone.locator("#matrix-body")).to_contain_text("reply held")
        alone.keyboard.press("ArrowRight")
        expect(alone.locator("#caption .position")).to_contain_text("step 1 of")
        alone.keyboard.press("f")
        expect(alone.locator("#caption .bad-text")).to_contain_text(TWOPHASE)
        alone.click("#why-1")
        expect(alone.locator("#caption .position")).to_contain_text("step 0 of")
        # Its lanes mark the step, and lead to others; so do its notes; its signs are told.
        alone.get_by_role("button", name="Timeline").click()
        expect(alone.locator(".step-mark.current")).to_have_attribute("href", "#step-0")
        alone.click("#mark-7", position={"x": 10, "y": 60})
        expect(alone.locator("#caption .position")).to_contain_text("step 7 of")
        expect(alone.locator(".step-mark[aria-current]")).to_have_attribute("href", "#step-7")
        alone.click("#notes summary")
        alone.click("#notes a")
        expect(alone.locator("#caption .bad-text")).to_contain_text(TWOPHASE)
        expect(alone.locator(".events-panel")).to_contain_text("this is where it shows")
        alone.click("#timeline-legend-open")
        expect(alone.locator("#timeline-legend")).to_be_visible()
        alone.keyboard.press("Escape")
        assert wrong == [file.as_uri()]
        assert alone.evaluate("document.documentElement.scrollHeight <= innerHeight")
        context.close()
        context = browser.new_context(bypass_csp=True, color_scheme="dark" if theme == "dark" else "light")
        alone = context.new_page()
        alone.goto(file.as_uri())
        assert not complaints_of_axe(alone)
        context.close()


def test_a_drawing_is_saved_as_png_and_the_first_sharing_is_found_by_key(page: Page, tmp_path: Path) -> None:
    failed_run(page)
    page.keyboard.press("t")
    for what in ("matrix", "timeline"):
        with page.expect_download() as saved:
            page.click(f"#{what}-png")
        file = tmp_path / saved.value.suggested_filename
        saved.value.save_as(file)
        assert re.fullmatch(rf"interlock-run-\d+-{what}-\d+\.png", file.name)
        head = file.read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        assert width > 600
        assert height > 200
    expect(page.locator("#turn")).to_contain_text("First sharing: step 0")
    page.keyboard.press("i")
    expect(page.locator("#caption .position")).to_contain_text("step 0 of")


def test_axe_finds_nothing_where_one_chooses_what_to_compare_or_take(new_page: NewPage) -> None:
    page = new_page(bypass_csp=True)  # axe is put into the page as a script
    run = failed_run(page)
    page.keyboard.press("t")
    expect(page.locator("#offline")).to_be_visible()
    assert not complaints_of_axe(page)
    page.goto(f"/compare?a={run.rpartition('/')[2]}")
    expect(page.locator("#with-number")).to_be_visible()
    assert not complaints_of_axe(page)
