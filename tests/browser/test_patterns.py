"""From a page without answers to one in which each leads to the run that gave it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.axe import complaints_of_axe
from tests.browser.conftest import NewPage


def test_the_experiments_are_run_and_fill_the_page(new_page: NewPage) -> None:
    page = new_page(bypass_csp=True)  # axe is put into the page as a script
    page.goto("/patterns")
    two_phase = page.locator("#pattern-two_phase")
    expect(two_phase).to_contain_text("no run yet")
    page.click("#run-experiments")
    expect(page.locator("#patterns .progress")).to_contain_text("runs are done")
    expect(page.locator("#run-experiments")).to_be_disabled()
    # By itself, without a reload.
    expect(page.locator("#patterns .progress")).to_contain_text("experiments have been run", timeout=180_000)
    expect(page.locator("#run-experiments")).to_have_text("Run the experiments again")
    expect(two_phase).to_contain_text("once recovered")
    expect(page.locator("#patterns")).not_to_contain_text("no run yet")
    expect(page.locator("#patterns")).not_to_contain_text("diverged")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not complaints_of_axe(page)

    two_phase.locator("a.answer", has_text="once recovered").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+"))
    expect(page.locator("main")).to_contain_text("recovery")
