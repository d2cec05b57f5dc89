"""What axe finds wrong with a page as it is shown now."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

OPTIONS = {
    "rules": {"target-size": {"enabled": True}},  # WCAG 2.2; axe leaves it out by itself
    "resultTypes": ["violations"],  # a list of all that is right would take as long again
}


def complaints_of_axe(page: Page, at: str = "") -> list[str]:
    """But for the names of lanes: these are as high as the drawing has it, and ◎ in the matrix does the same."""
    page.evaluate("document.querySelectorAll('a.lane-name').forEach(one => { one.inert = true })")
    violations = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{at or page.url}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in violations]
