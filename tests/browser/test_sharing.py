"""What a review takes away and tries out: branches, exports, imports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.dom import minidom

from playwright.sync_api import Page
from playwright.sync_api import expect

from dashboard.config import Settings
from tests.browser.conftest import NewPage
from tests.browser.test_walk import on_step
from tests.browser.test_walk import start

TEXT = """one => {
    const copy = one.cloneNode(true);
    copy.querySelectorAll(".cite, .role, summary").forEach(mark => mark.remove());
    const files = [...copy.querySelectorAll(".code")];
    return (files.length ? files : [copy]).map(one => one.textContent.replace(/\\n+/g, "")).sort().join("");
}"""


def seen(page: Page) -> list[str]:
    """What a page says of a step, without process ids, and without how a run's end marks, folds and sorts its lines."""
    parts = ("#caption .caption-text", "#matrix-body", "#source-body")
    return [re.sub(r"of \d+|\b\d{2,7}\b", "", page.locator(part).evaluate(TEXT)) for part in parts]


def test_another_choice_at_a_recorded_step_is_a_run_of_its_own(page: Page) -> None:
    start(page)
    parent = page.url.partition("?")[0]
    page.click("button#failure")
    expect(page.locator("#caption .bad-text")).to_be_visible()
    page.goto(f"{parent}?step=6")
    there = seen(page)
    other = page.locator("button.choice.branch").first
    expect(other).to_contain_text("branch: ")
    other.click()

    # It has come to where it left its parent, by the same steps, and waits.
    expect(page.locator("button#next")).to_be_visible()
    on_step(page, 7)
    assert page.url.partition("?")[0] != parent
    page.click("a#back")
    on_step(page, 6)
    assert seen(page) == there

    # The tree leads back.
    page.click("#branches summary")
    expect(page.locator("#branches li")).to_have_count(2)
    page.click("#branches li:first-child a")
    expect(page).to_have_url(re.compile(re.escape(parent)))
    expect(page.locator("#branches summary")).to_have_text("1 branch")


def test_a_journal_is_taken_away_handed_in_again_and_replayed(page: Page, tmp_path: Path, settings: Settings) -> None:
    start(page)
    page.click("button#failure")
    expect(page.locator("#outcome-title")).to_contain_text("reproduced")
    there = seen(page)
    page.keyboard.press("t")
    with page.expect_download() as journal:
        page.click("#journal")
    file = tmp_path / "run.jsonl"
    journal.value.save_as(file)

    page.goto("/runs")
    page.click("#import-open")
    page.set_input_files("#import-file", file)
    page.click("#import")
    expect(page.locator(".run-title")).to_contain_text("“imported from run.jsonl”")
    expect(page.locator("#caption .bad-text")).to_be_visible()
    assert seen(page) == there

    # The command line takes the same file, and comes to the same run.
    done = subprocess.run(
        [Path(sys.executable).with_name("interlock"), "replay", str(file)],
        env={**os.environ, **settings.to_env()},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The same run, to its end" in done.stdout


def test_everything_that_can_be_taken_away_is_what_it_says(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    start(page)
    page.click("button#failure")
    expect(page.locator("#outcome-title")).to_contain_text("reproduced")
    run = re.findall(r"/runs/(\d+)", page.url)[0]

    def copied(button: str) -> str:
        page.click(button)
        expect(page.locator(f"{button} span")).to_have_text("Copied")
        return str(page.evaluate("navigator.clipboard.readText()"))

    page.keyboard.press("t")
    line = copied("#copy-chat")
    assert line.startswith(f"Interlock run {run}: shared_session/broken on sqlalchemy-1.4.42: error, ")
    assert "\n" not in line
    assert line.endswith(page.url)
    assert copied("#away-command").startswith(
        "interlock run shared_session/broken --stack sqlalchemy-1.4.42 --schedule"
    )
    statements = copied("#copy-sql")
    assert "\nBEGIN" in statements
    assert "server process" in statements
    assert "://" not in statements
    assert statements == page.request.get(f"/runs/{run}/statements.sql").text()

    for what in ("matrix", "timeline"):
        with page.expect_download() as saved:
            page.click(f"#{what}-svg")
        drawing = tmp_path / saved.value.suggested_filename
        saved.value.save_as(drawing)
        assert minidom.parse(str(drawing)).documentElement.tagName == "svg"
    summary = page.request.get(page.locator("#summary").get_attribute("href") or "").text()
    assert summary.startswith("# One session, three tasks: broken on sqlalchemy-1.4.42")
    assert "## Why" in summary


def test_an_address_is_the_whole_state_of_a_page_and_opening_it_begins_nothing(page: Page, new_page: NewPage) -> None:
    start(page)
    for number in range(1, 4):
        page.click("button#next")
        on_step(page, number)
    page.click("#eye-t3")
    expect(page.locator("#row-t3")).to_have_class(re.compile("kept"))
    page.click("#view-timeline")
    expect(page.locator("#timeline-body")).to_be_visible()
    page.click("#lane-c1")
    expect(page.locator("#lane-c1")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?step=3&view=timeline&task=t3&conn=c1$"))
    page.click("a#back")
    on_step(page, 2)
    here = "?step=2&view=timeline&task=t3&conn=c1"
    expect(page).to_have_url(re.compile(re.escape(here) + "$"))

    other = new_page()
    for _ in range(2):  # opened, and loaded again
        other.goto(page.url)
        on_step(other, 2)
        expect(other.locator("#row-t3")).to_have_class(re.compile("kept"))
        expect(other.locator("#col-c1")).to_have_class(re.compile("kept"))
        expect(other.locator(".lanes rect.kept")).to_have_count(2)
        expect(other.locator("#timeline-body")).to_be_visible()
    other.reload()
    expect(other).to_have_url(page.url)
    expect(other.locator("#caption .position")).to_have_text("step 2 of 3")  # nothing went on
    # Back leads through what one looked at; the live run is where it was.
    page.go_back()
    on_step(page, 3)
    expect(page.locator("button#next")).to_be_visible()


def test_a_run_gets_a_title_that_others_see(page: Page, new_page: NewPage) -> None:
    start(page)
    watching = new_page()
    watching.goto(page.url)
    page.click("#title")
    page.fill("#title-text", "Checkout of Friday")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_contain_text("“Checkout of Friday”")
    expect(page.locator("#note")).to_be_hidden()
    expect(watching.locator("#title")).to_contain_text("“Checkout of Friday”")
    watching.goto("/runs?search=Checkout of")
    expect(watching.locator(".run-called")).to_have_text("Checkout of Friday")
    page.reload()
    expect(page).to_have_title(re.compile("Checkout of Friday"))


def test_what_the_matrix_cuts_can_be_read_whole_by_keyboard(page: Page) -> None:
    start(page)
    for number in range(1, 5):
        page.click("button#next")
        on_step(page, number)
    page.focus("#matrix-list summary")
    page.keyboard.press("Enter")
    told = page.locator("#matrix-list")
    cells = page.locator("#matrix-body td[class]:not(.tone-none), #matrix-body tbody .waits")
    for words in {" ".join(one.inner_text().replace("\n", " ").split()[1:]) for one in cells.all()}:
        for part in words.split(" was: "):
            expect(told).to_contain_text(part)
    page.click("button#next")
    on_step(page, 5)
    expect(told).to_have_attribute("open", "")
