"""What a review takes away and tries out: branches, exports, imports."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.test_walk import on_step
from tests.browser.test_walk import start

TEXT = """one => {
    const copy = one.cloneNode(true);
    copy.querySelectorAll(".cite, summary").forEach(mark => mark.remove());
    return copy.textContent.replace(/\\n+/g, "\\n");
}"""


def seen(page: Page) -> list[str]:
    """What the page says of a step, without process ids, and without how a run's end marks and folds its lines."""
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


def test_a_journal_is_taken_away_and_handed_in_again(page: Page, tmp_path: Path) -> None:
    start(page)
    page.click("button#failure")
    expect(page.locator("#caption .bad-text")).to_be_visible()
    page.keyboard.press("t")
    with page.expect_download() as journal:
        page.click("#journal")
    file = tmp_path / "run.jsonl"
    journal.value.save_as(file)

    page.goto("/runs")
    page.click("#import-open")
    page.set_input_files("#import-file", file)
    page.click("#import")
    expect(page.locator(".run-title")).to_have_text("imported from run.jsonl")
    expect(page.locator("#caption .bad-text")).to_be_visible()
