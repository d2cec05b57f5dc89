"""Lists that are managed by keyboard alone, and the live page of sessions, in a real browser."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Page
from playwright.sync_api import expect

QUICK = {"incident": "shared_session", "program": "broken", "stack": "sqlalchemy-2.1", "mode": "random", "seed": "1"}
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
    expect(page.locator("#outcome-title .chip").first).to_be_visible(timeout=60_000)
    return int(run[1])


def hand_in(page: Page, address: str, journal: bytes, name: str) -> int:
    """A journal imported, past the form."""
    file = {"name": name, "mimeType": "application/x-ndjson", "buffer": journal}
    answer = page.request.post("/runs/import", multipart={"journal": file}, headers={"Origin": address})  # type: ignore[dict-item]
    return int(answer.url.rsplit("/", 1)[1])


def shown(page: Page) -> list[int]:
    return [int(number) for number in page.locator("table.runs tbody th a").all_inner_texts()]


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


def test_runs_are_searched_filtered_paged_and_sorted_and_the_address_says_how(page: Page, address: str) -> None:
    journal = page.request.get(f"/runs/{started(page, address, QUICK)}/journal.jsonl").body()
    made = [hand_in(page, address, journal, "paged.jsonl") for _ in range(60)]
    count = page.locator("#count")
    page.goto("/runs")
    page.keyboard.press("/")
    page.keyboard.type("imported from paged.jsonl")
    page.get_by_label("Outcome").select_option("error")
    page.locator("#filter").click()
    expect(page).to_have_url(re.compile(r"search=imported\+from\+paged\.jsonl&.*outcome=error"))
    expect(count).to_contain_text("Showing 50 of 60 runs that match, newest first (1 to 50).")
    first = shown(page)
    made.append(hand_in(page, address, journal, "paged.jsonl"))  # which must not push any onto the next page
    page.get_by_role("link", name="Next").click()
    expect(count).to_contain_text("Showing 10 of 60 runs that match, newest first (51 to 60).")
    assert first + shown(page) == made[59::-1]
    expect(page.locator("#newer")).to_contain_text("1 newer run is not among these")
    page.get_by_role("link", name="begin again with it").click()
    expect(count).to_contain_text("Showing 50 of 61")
    assert shown(page) == made[:10:-1]
    page.get_by_role("columnheader", name="Run").get_by_role("link").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text(re.compile("Run"))
    assert shown(page) == made[:50]
    page.reload()
    assert shown(page) == made[:50]
    expect(page.get_by_label("Outcome")).to_have_value("error")
    page.get_by_label("Started").select_option("hour")
    page.locator("#filter").click()
    expect(count).to_contain_text("Showing 50 of 61")
    page.get_by_role("link", name="Clear").click()
    expect(page).to_have_url(re.compile(r"/runs$"))


def test_a_run_is_had_again_from_the_list(page: Page, address: str) -> None:
    run = started(page, address, {**FORM, "seed": "5"})
    page.goto("/runs?incident=lost_update")
    page.locator(f"#choose-{run}").check()
    page.locator("#again").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+\b"))
    expect(page.locator("#outcome-title .chip").first).to_be_visible(timeout=60_000)
    again = int(re.findall(r"/runs/(\d+)", page.url)[0])
    assert again > run

    def ended(one: int) -> tuple[str, int]:
        state = page.request.get(f"/runs/{one}/step.json").json()["run"]
        return state["signature"], state["steps"]

    assert ended(again) == ended(run)


def test_runs_are_exported_after_a_look_and_come_back_by_the_import_page(page: Page, runs: list[int]) -> None:
    page.goto("/runs?incident=lost_update")
    page.locator(f"#choose-{runs[0]}").check()
    page.locator(f"#choose-{runs[1]}").check()
    page.locator("#export").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Export 2 runs?")
    expect(page.get_by_text("Notes, bookmarks and pins are in no journal.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download 2 journals").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert set(archive.namelist()) == {f"interlock-run-{one}.jsonl" for one in runs[:2]}
        journal = archive.read(f"interlock-run-{runs[0]}.jsonl")
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(re.compile(r"/runs\?incident=lost_update$"))
    page.locator("#import-open").click()
    _choose(page, "back.jsonl", journal)
    expect(page).to_have_url(re.compile(r"/runs/\d+\b"))
    expect(page.get_by_text("imported from back.jsonl")).to_be_visible()


def _choose(page: Page, name: str, content: bytes) -> None:
    page.locator("#import-file").set_input_files(
        [{"name": name, "mimeType": "application/x-ndjson", "buffer": content}]
    )
    page.locator("#import").click()


def test_a_file_that_is_no_journal_or_of_another_version_is_refused_in_words(
    page: Page, address: str, complaints: list[str]
) -> None:
    lines = page.request.get(f"/runs/{started(page, address, QUICK)}/journal.jsonl").text().splitlines()
    header = json.loads(lines[0])
    header["header"]["format"] = 99
    newer = "\n".join([json.dumps(header), *lines[1:]])
    torn = "\n".join([lines[0], lines[1][:100]])
    for name, content, said in (
        ("holiday.png", b"\x89PNG\r\n\x1a\n\xff\xfe", "Line 1 is not UTF-8 text: this is no journal."),
        ("torn.jsonl", torn.encode(), "Line 2: Not a line of a journal"),
        ("newer.jsonl", newer.encode(), "99"),
        ("empty.jsonl", b"", "It is empty."),
    ):
        page.goto("/runs/import")
        _choose(page, name, content)
        expect(page.get_by_role("heading", level=1)).to_have_text("This file is not a journal that can be shown.")
        expect(page.get_by_role("main")).to_contain_text(said)
        expect(page.get_by_role("main")).to_contain_text("Take a file that “Journal” on a run's page")
        page.go_back()
        expect(page.locator("#import")).to_be_visible()
    complaints.clear()  # the browser's own, of the answers' status


def test_a_pinned_run_stays_whatever_retention_is_put_in_force(page: Page, runs: list[int]) -> None:
    def would_go() -> int:
        page.goto("/runs/retention")
        page.locator("#runs").fill("1")
        page.locator("#preview").click()
        found = re.search(r"would go: ([\d,]+) run", page.locator("#goes-title").inner_text())
        assert found
        return int(found[1].replace(",", ""))

    before = would_go()
    page.goto("/runs?incident=lost_update")
    page.locator(f"#choose-{runs[2]}").check()
    page.locator("#pin").click()
    expect(page).to_have_url(re.compile(r"/runs\?incident=lost_update$"))
    expect(page.get_by_role("row").filter(has=page.locator(f"#choose-{runs[2]}"))).to_contain_text("pinned")
    page.get_by_label("Kept").select_option("pinned")
    page.locator("#filter").click()
    assert runs[2] in shown(page)
    assert would_go() == before - 1
    page.locator("#runs").fill("10000000")
    page.locator("#save").click()
    expect(page.locator("#in-force")).to_have_text("kept: the newest 10,000,000 runs")
    page.locator("#runs").fill("")
    page.locator("#save").click()
    expect(page.locator("#in-force")).to_have_text("all runs are kept")
    page.get_by_role("link", name="Who changed this").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("all runs are kept")
    expect(page.get_by_role("row").nth(2)).to_contain_text("the newest 10,000,000 runs")
    page.goto(f"/history?object=run:{runs[2]}")
    expect(page.get_by_role("navigation", name="Breadcrumb")).to_contain_text(f"History ▸ run {runs[2]}")
    page.get_by_label("What").select_option("pin")
    page.locator("#filter").click()
    expect(page.locator("#count")).to_contain_text("Showing 1 of 1 entry that match")
    expect(page.get_by_role("row").nth(1)).to_contain_text(f"pinned run {runs[2]}")


def test_incidents_are_found_by_what_they_show_and_each_program_tells_how_it_ends(page: Page) -> None:
    page.goto("/incidents")
    page.get_by_label("Shows").select_option("silent")
    page.locator("#filter").click()
    expect(page).to_have_url(re.compile("ends=silent"))
    row = page.locator("#incident-lost_update")
    for program in ("broken", "atomic", "locked", "versioned"):
        expect(row.get_by_role("rowheader", name=program)).to_be_visible()
    expect(row.get_by_role("row").filter(has_text="versioned").locator(".ending")).to_have_text([re.compile("ok")] * 3)
    expect(row.get_by_role("row").first.locator(".ending")).to_have_text([re.compile("silent failure")] * 3)
    page.get_by_role("columnheader", name="Family").get_by_role("link").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text(re.compile("Family"))
    page.locator("#search").fill("the balance is too small")
    page.locator("#filter").click()
    expect(page.locator("#count")).to_contain_text("Showing 1 of 1 incident that match")
    row.get_by_role("link", name="versioned").click()
    expect(page).to_have_url(re.compile(r"/incidents/lost_update\?program=versioned#run$"))
    expect(page.locator("select[name=program]")).to_have_value("versioned")


def test_stacks_are_found_by_what_they_hold(page: Page) -> None:
    page.goto("/stacks")
    page.locator("#search").fill("asyncpg 0.26.0")
    page.locator("#filter").click()
    expect(page.locator("#count")).to_have_text("Showing 1 of 5 stacks.")
    stack = page.locator("article.stack")
    expect(stack.get_by_role("heading")).to_have_text("sqlalchemy-1.4.42")
    expect(stack.locator(".chip")).to_have_text(re.compile("ready"))
    expect(stack.get_by_role("button", name="Install")).to_have_count(0)
    stack.get_by_role("link", name="runs").click()
    expect(page.get_by_label("Stack")).to_have_value("sqlalchemy-1.4.42")


def test_servers_are_searched_and_sorted_and_lead_to_what_their_sessions_do(
    page: Page, session: psycopg.Connection
) -> None:
    session.execute("begin")
    page.goto("/servers")
    lab = page.get_by_role("row").filter(has=page.get_by_role("link", name="lab", exact=True))
    expect(lab).to_contain_text("running")
    expect(lab).to_contain_text("idle in a transaction")
    expect(page.locator("#server-replica")).to_contain_text("It starts on demand")
    page.get_by_role("columnheader", name="Server").get_by_role("link").click()
    expect(page.locator("tbody th a").first).to_have_text("lab")
    page.get_by_role("columnheader", name="Server").get_by_role("link").click()
    expect(page.locator("tbody th a").first).to_have_text("store")
    page.locator("#search").fill("deadlock_timeout")
    page.locator("#filter").click()
    expect(page.locator("#count")).to_contain_text("Showing 1 of 3 servers")
    expect(page.locator("table.settings tbody th")).to_have_text(["deadlock_timeout"])
    lab.get_by_role("link", name="idle in a transaction").click()
    expect(page).to_have_url(re.compile(r"/activity\?server=lab$"))
    expect(page.locator(f"tr[id^='s-{session.info.backend_pid}-']")).to_contain_text("somebody")


def test_who_does_something_is_told_from_who_is_idle(page: Page, lab_url: str, session: psycopg.Connection) -> None:
    page.goto("/activity")
    page.get_by_label("active only").check()
    page.locator("#search").fill("somebody")
    page.locator("#filter").click()
    expect(page).to_have_url(re.compile("active=1"))
    expect(page.get_by_text("No session matches.")).to_be_visible()  # the one there is idle
    row = page.locator(f"tr[id^='s-{session.info.backend_pid}-']")
    with psycopg.connect(lab_url) as holder:
        holder.execute("select pg_advisory_xact_lock(816)")
        session.pgconn.send_query(b"select pg_advisory_xact_lock(816)")
        expect(row).to_contain_text("active")
        expect(row).to_contain_text("for an advisory lock")
        expect(row).to_contain_text("Lock/advisory")
        expect(page.locator(f"tr[id^='s-{holder.info.backend_pid}-']")).to_contain_text(
            "blocks 1"
        )  # shown as its blocker
        expect(page.locator("#count")).to_contain_text("1 waits for a lock")
        holder.rollback()
    while (result := session.pgconn.get_result()) is not None:
        result.clear()
    expect(row).to_contain_text("no longer matches")


def test_a_session_that_ends_is_dimmed_where_it_was_and_then_goes(page: Page, session: psycopg.Connection) -> None:
    page.goto("/activity?search=somebody")
    row = page.locator(f"tr[id^='s-{session.info.backend_pid}-']")
    expect(row).to_contain_text("to be seen")
    session.close()
    expect(row).to_have_class("gone")
    expect(row).to_contain_text("ended")
    expect(row).to_contain_text("to be seen")
    expect(row).to_have_count(0, timeout=60_000)  # three looks later
    expect(page.get_by_text("No session matches.")).to_be_visible()


def test_a_session_that_the_filter_leaves_out_now_has_not_ended(page: Page, session: psycopg.Connection) -> None:
    session.execute("begin")
    page.goto("/activity?active=1&search=somebody")
    row = page.locator(f"tr[id^='s-{session.info.backend_pid}-']")
    expect(row).to_contain_text("idle in transaction")
    session.execute("rollback")
    expect(row).to_contain_text("no longer matches")


def test_updating_is_paused_and_asked_for(page: Page, session: psycopg.Connection) -> None:
    page.goto("/activity?search=somebody")
    expect(page.get_by_text("to be seen")).to_be_visible()
    page.keyboard.press("p")
    expect(page.locator("#poll")).to_contain_text("paused")
    page.wait_for_timeout(300)  # an answer that was under way when it was paused
    before = page.locator("#as-of").text_content()
    session.execute("select 'after the pause'")
    page.wait_for_timeout(4500)  # time enough for two looks, which must not come
    expect(page.get_by_text("to be seen")).to_be_visible()
    assert page.locator("#as-of").text_content() == before
    page.locator("#polling-more summary").click()
    page.locator("#refresh").click()
    expect(page.locator("#sessions code").filter(has_text="after the pause")).to_be_visible()
    expect(page.locator("#poll")).to_contain_text("paused")


def test_rows_stay_and_are_called_stale_when_the_dashboard_is_away(
    page: Page, session: psycopg.Connection, complaints: list[str]
) -> None:
    page.goto("/activity?search=somebody")
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
        page.goto("/activity?search=waiter")
        chip = page.locator("a.tag.bad")
        expect(chip).to_have_text(str(session.info.backend_pid))
        expect(page.get_by_text("for an advisory lock")).to_be_visible()
        chip.focus()
        page.keyboard.press("Enter")
        expect(page.locator("tr.jumped th")).to_have_text(str(session.info.backend_pid))
        page.wait_for_timeout(2500)  # a look later
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
    expect(chip).to_have_text(f"blocked by {pids[blocker]}")
    chip.focus()
    page.keyboard.press("Enter")
    expect(panel.locator("tr:target th")).to_contain_text(pids[blocker])
    expect(panel.locator("tr:target")).to_contain_text("blocks 1")
