"""Lists that are managed by keyboard alone, and the live page of sessions, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

DEADLOCK = {"incident": "lock_order", "program": "broken", "stack": "sqlalchemy-2.1", "mode": "replay"}
FORM = {"incident": "lost_update", "program": "broken", "stack": "sqlalchemy-2.1", "mode": "random"}


@pytest.fixture
def runs(page: Page, address: str) -> list[int]:
    """Three runs that are over, the newest first."""
    return [started(page, address, {**FORM, "seed": str(seed)}) for seed in (1, 2, 3)][::-1]


def started(page: Page, address: str, form: dict[str, str]) -> int:
    """A run that has come to its end."""
    answer = page.request.post("/runs", form=form, headers={"Origin": address})  # type: ignore[arg-type]
    run = re.search(r"/runs/(\d+)", answer.url)
    assert run
    page.goto(f"/runs/{run[1]}")
    expect(page.locator("#poll")).to_have_count(0, timeout=60_000)
    return int(run[1])


@pytest.fixture
def session(lab_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(lab_url, autocommit=True, application_name="somebody") as connection:
        connection.execute("select 'to be seen'")
        yield connection


def test_runs_are_chosen_and_deleted_by_keyboard_alone(page: Page, runs: list[int]) -> None:
    newest, middle, oldest = runs
    page.goto("/runs?incident=lost_update")
    page.locator(f"#choose-{newest}").focus()
    page.keyboard.press("Space")
    expect(page.locator("#chosen")).to_have_text(re.compile(r"With 1 of \d+ ticked"))
    page.keyboard.press("Tab")  # the run
    page.keyboard.press("Tab")  # its incident
    page.keyboard.press("Tab")
    expect(page.locator(f"#choose-{middle}")).to_be_focused()
    page.keyboard.press("Space")
    page.locator("#delete").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 2 runs?")
    page.locator("#delete-confirm").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/runs\?incident=lost_update$"))
    expect(page.locator(f"#choose-{oldest}")).to_be_visible()
    expect(page.locator(f"#choose-{newest}")).to_have_count(0)
    page.goto("/history?action=delete")
    expect(page.get_by_role("row").nth(1)).to_contain_text("2 of them")


def test_a_page_is_ticked_at_once_and_two_are_compared(page: Page, runs: list[int], complaints: list[str]) -> None:
    page.goto("/runs?incident=lost_update")
    page.locator("#choose-page").check()
    boxes = page.locator("input[name=run]")
    assert all(boxes.nth(place).is_checked() for place in range(boxes.count()))
    page.locator("#choose-page").uncheck()
    page.locator(f"#choose-{runs[0]}").check()
    page.locator(f"#choose-{runs[2]}").check()
    assert page.locator("#choose-page").evaluate("box => box.indeterminate")
    with page.expect_request(f"**/compare?a={runs[2]}&b={runs[0]}"):
        page.locator("#compare").click()
    complaints.clear()  # whether that page is there is not tried here


def test_a_session_that_ends_is_dimmed_where_it_was_and_then_goes(page: Page, session: psycopg.Connection) -> None:
    page.goto("/activity?every=1&search=somebody")
    row = page.locator(f"tr[id^='s-{session.info.backend_pid}-']")
    expect(row).to_contain_text("to be seen")
    session.close()
    expect(row).to_have_class("gone")
    expect(row).to_contain_text("ended")
    expect(row).to_contain_text("to be seen")
    expect(row).to_have_count(0)
    expect(page.get_by_text("No session matches.")).to_be_visible()


def test_a_session_that_the_filter_leaves_out_now_has_not_ended(page: Page, session: psycopg.Connection) -> None:
    session.execute("begin")
    page.goto("/activity?every=1&active=1&search=somebody")
    row = page.locator(f"tr[id^='s-{session.info.backend_pid}-']")
    expect(row).to_contain_text("idle in transaction")
    session.execute("rollback")
    expect(row).to_contain_text("no longer matches")


def test_updating_is_paused_and_asked_for(page: Page, session: psycopg.Connection) -> None:
    page.goto("/activity?every=1&search=somebody")
    expect(page.get_by_text("to be seen")).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator("#poll")).to_contain_text("paused")
    page.wait_for_timeout(300)  # an answer that was under way when it was paused
    before = page.locator("#as-of").text_content()
    session.execute("select 'after the pause'")
    page.wait_for_timeout(2500)  # time enough for two looks, which must not come
    expect(page.get_by_text("to be seen")).to_be_visible()
    assert page.locator("#as-of").text_content() == before
    page.locator("#refresh").click()
    expect(page.locator("#sessions code").filter(has_text="after the pause")).to_be_visible()
    expect(page.locator("#poll")).to_contain_text("paused")


def test_rows_stay_and_are_called_stale_when_the_dashboard_is_away(
    page: Page, session: psycopg.Connection, complaints: list[str]
) -> None:
    page.goto("/activity?every=1&search=somebody")
    expect(page.get_by_text("to be seen")).to_be_visible()
    page.route("**/activity/live?*", lambda route: route.abort())
    expect(page.locator("#poll")).to_contain_text("stale since")
    expect(page.get_by_text("to be seen")).to_be_visible()
    page.unroute("**/activity/live?*")
    expect(page.locator("#poll")).to_contain_text("live", timeout=30_000)
    complaints.clear()


def test_a_blocker_is_a_jump_away(page: Page, lab_url: str, session: psycopg.Connection) -> None:
    session.execute("begin")
    session.execute("select pg_advisory_xact_lock(815)")
    with psycopg.connect(lab_url, application_name="waiter") as waiter:
        waiter.pgconn.send_query(b"select pg_advisory_xact_lock(815)")
        page.goto("/activity?every=1&search=waiter")
        chip = page.locator("a.tag.bad")
        expect(chip).to_have_text(str(session.info.backend_pid))
        expect(page.get_by_text("for an advisory lock")).to_be_visible()
        chip.focus()
        page.keyboard.press("Enter")
        expect(page.locator("tr.jumped th")).to_have_text(str(session.info.backend_pid))
        page.wait_for_timeout(1500)  # a look later
        expect(page.locator("tr.jumped th")).to_have_text(str(session.info.backend_pid))
        session.execute("rollback")
        while (result := waiter.pgconn.get_result()) is not None:
            result.clear()
        waiter.rollback()


def test_in_a_recorded_step_too_a_blocker_is_a_jump_away_and_what_is_waited_for_is_said(
    page: Page, address: str
) -> None:
    run = started(page, address, DEADLOCK)
    steps = page.request.get(f"/runs/{run}/step.json").json()["run"]["steps"]
    rows: list[dict[str, object]] = []
    for step in range(steps + 1):
        rows = page.request.get(f"/runs/{run}/step.json?step={step}").json()["step"]["frame"].get("activity", [])
        if any(row.get("blocked_by") for row in rows):
            page.goto(f"/runs/{run}?step={step}")
            break
    pids = {row["connection"]: str(row["pid"]) for row in rows}
    [blocker] = next(row["blocked_by"] for row in rows if row.get("blocked_by"))  # type: ignore[misc]
    panel = page.locator("#activity-body")
    expect(panel.get_by_text("for another transaction to end (row lock)")).to_be_visible()
    chip = panel.locator("a.tag.bad")
    expect(chip).to_have_text(f"by {pids[blocker]}")
    chip.focus()
    page.keyboard.press("Enter")
    expect(panel.locator("tr:target th")).to_contain_text(pids[blocker])
    expect(panel.locator("tr:target")).to_contain_text("blocks 1")
