"""From a failed run to the step where its failure became inevitable, and to the run that got away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

from tests.browser.axe import complaints_of_axe
from tests.browser.conftest import NewPage
from tests.browser.test_together import shared

LONG = 90_000  # milliseconds: some hundred runs


pytestmark = pytest.mark.timeout(300)


def replayed(page: Page) -> None:
    """A deposit that was lost."""
    page.goto("/incidents/lost_update?program=broken&stack=sqlalchemy-2.1&mode=replay&schedule=il1:")
    page.click("#form-run")
    expect(page.locator("#find-inevitable")).to_be_visible(timeout=LONG)


def test_from_a_failed_run_to_where_it_became_inevitable(new_page: NewPage) -> None:
    page = new_page(bypass_csp=True)  # axe is put into the page as a script
    replayed(page)
    run = re.search(r"/runs/(\d+)", page.url)
    assert run
    page.click("#find-inevitable")
    expect(page).to_have_url(re.compile(rf"/runs/{run[1]}/explorations/\d+$"))
    expect(page.locator("#to-step")).to_be_visible(timeout=LONG)
    expect(page.locator("#claim")).to_contain_text(re.compile(r"After step \d+ .*fail"))
    expect(page.locator("#exploration")).to_contain_text("there was a way out")
    assert not complaints_of_axe(page)

    page.click("#to-step")
    turn = page.locator("#turn")
    expect(turn).to_contain_text("Inevitable: step")
    step = re.search(r"step (\d+)", turn.inner_text())
    assert step
    expect(page.locator("#caption .position")).to_contain_text(f"step {step[1]} of")
    page.keyboard.press("End")
    expect(page.locator("#caption .position")).not_to_contain_text(f"step {step[1]} of")
    page.keyboard.press("i")
    expect(page.locator("#caption .position")).to_contain_text(f"step {step[1]} of")

    viewer = new_page()
    viewer.goto(shared(page))
    expect(viewer.locator("#turn")).to_contain_text("Inevitable: step")
    expect(viewer.locator("#find-inevitable")).to_have_count(0)
    viewer.click("#inevitable-search")
    expect(viewer.locator("#claim")).to_contain_text("fail")
    expect(viewer.locator("#again, #delete, #cancel")).to_have_count(0)

    page.click("#inevitable-way-out")
    expect(page).to_have_url(re.compile(rf"/compare\?a={run[1]}&b=\d+"))
    expect(page.locator("body")).to_contain_text("silent failure")


def test_orders_are_watched_and_cancelled(page: Page) -> None:
    page.goto("/incidents/shared_session")
    page.click('[id="explore-session_per_task-sqlalchemy-2.1"]')
    expect(page.locator("#progress")).to_contain_text(re.compile(r"[1-9]\d* of 400 orders tried"), timeout=LONG)
    page.click("#cancel")
    expect(page.locator("#again")).to_be_visible(timeout=LONG)
    expect(page.locator("#exploration")).to_contain_text("This is no proof that no order fails")
    expect(page.locator("#exploration")).to_contain_text("somebody ended it")
    page.click("#end-1")
    expect(page.locator("button#next")).to_be_visible(timeout=LONG)
