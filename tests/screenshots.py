"""Takes the pictures that the documentation shows, of the real thing: `make screenshots`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import Page
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

from tests import chromium
from tests.browser.conftest import QUIET
from tests.serving import data_folder
from tests.serving import served

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"  # what the documentation shows
REST = ROOT / "build" / "screenshots"  # other sizes and themes, for the eyes of whoever changes a page
SHOWN = (
    "home",
    "run-start",
    "run-middle",
    "run-failure",
    "run-failure-dark",
    "run-presenting",
    "timeline",
    "side-by-side",
    "side-by-side-presenting",
    "inevitable",
    "atlas",
    "crowd",
    "patterns",
)
CROWD = ROOT / "tests" / "incidents"  # with a run as large as one can look at
PORT = 8448
LAPTOP, SHARED = (1440, 900), (1920, 1080)


def pictures(browser: Browser, address: str, save: Callable[[Page, str], None]) -> None:
    """Walk the main job and take a picture at each stop."""
    page = _page(browser, LAPTOP)
    page.goto(address)
    page.get_by_role("button", name="Run scenario").first.click()
    page.wait_for_url(re.compile(r"/runs/\d+"))
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_enabled()
    save(page, "run-start")
    page.get_by_role("button", name="To the failure").click()
    expect(page.get_by_text("twophase").first).to_be_visible()
    run = page.url.partition("?")[0]
    last = int(page.url.rpartition("=")[2])
    save(page, "run-failure")
    page.goto(f"{run}?step={last - 4}")
    save(page, "run-middle")
    page.goto(f"{run}?step={last}&view=timeline")
    save(page, "timeline")
    page.goto(f"{run}?step={last}&present=1")
    save(page, "run-presenting")
    for name, size, scheme, scale in [
        ("run-failure-1920", SHARED, "light", 1.0),
        ("run-failure-dark", LAPTOP, "dark", 1.0),
        ("run-failure-zoom-200", (LAPTOP[0] // 2, LAPTOP[1] // 2), "light", 2.0),
    ]:
        other = _page(browser, size, scheme, scale)
        other.goto(f"{run}?step={last}")
        save(other, name)
    page.goto(f"{address}/compare?a={run.rpartition('/')[2]}")
    page.get_by_role("button", name="A session for each task").click()
    page.wait_for_url(re.compile(r"b=\d+"))
    expect(page.locator("#poll")).to_have_count(0)  # both are over
    save(page, "side-by-side")
    beside = page.url
    page.goto(f"{beside}&present=1")
    save(page, "side-by-side-presenting")
    for name, size, scheme, scale in [
        ("side-by-side-dark", SHARED, "dark", 1.0),
        ("side-by-side-zoom-200", (LAPTOP[0] // 2, LAPTOP[1] // 2), "light", 2.0),
    ]:
        other = _page(browser, size, scheme, scale)
        other.goto(beside)
        save(other, name)
    page.goto(f"{address}/incidents/lost_update?program=broken&stack=sqlalchemy-2.1&mode=replay")
    page.locator("#form-run").click()
    page.locator("#find-inevitable").click()
    expect(page.locator("#to-step")).to_be_visible(timeout=200_000)
    page.locator("#to-step").click()
    expect(page.locator("#turn")).to_contain_text("Inevitable")
    save(page, "inevitable")
    page.goto(f"{address}/incidents/shared_session")
    page.locator('[id="explore-broken-sqlalchemy-1.4.42"]').click()
    expect(page.locator("#again")).to_be_visible(timeout=200_000)
    save(page, "atlas")
    page.goto(address)
    save(page, "home")
    page.goto(f"{address}/incidents/shared_session")
    save(page, "incident")
    page.goto(f"{address}/patterns")
    page.get_by_role("button", name="Run the experiments").click()
    expect(page.locator("#run-experiments")).to_have_text("Run the experiments again", timeout=300_000)
    page.evaluate("document.getElementById('patterns').scrollIntoView()")
    save(page, "patterns")
    page.goto(f"{address}/incidents/crowd?mode=replay#run")
    page.locator("#form-run").click()
    page.wait_for_url(re.compile(r"/runs/\d+"))
    expect(page.locator("#outcome-title")).to_contain_text("reproduced", timeout=900_000)
    page.goto(page.url.partition("?")[0] + "?step=2500&view=timeline")
    save(page, "crowd")


def _page(browser: Browser, size: tuple[int, int], scheme: str = "light", scale: float = 1.0) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=scale,
    )
    page.set_default_timeout(60_000)
    return page


def main() -> int:
    for folder in (IMAGES, REST):
        folder.mkdir(parents=True, exist_ok=True)

    def save(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        path = (IMAGES if name in SHOWN else REST) / f"{name}.png"
        page.screenshot(path=path)
        print(path.relative_to(ROOT))

    with data_folder(["sqlalchemy-1.4.42", "sqlalchemy-2.1"]) as folder, served(folder, PORT, CROWD):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(QUIET))
            pictures(browser, f"http://127.0.0.1:{PORT}", save)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
