"""Explorations: what the store keeps of them, and what their pages say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.findings.inevitable import Found
from dashboard.findings.inevitable import WayOut
from dashboard.findings.tally import Group
from dashboard.findings.tally import Rule
from dashboard.findings.tally import Tally
from dashboard.store import ExplorationRow
from dashboard.store import HistoryFilter
from dashboard.store import Retention
from dashboard.store import Selection
from dashboard.store import Store
from dashboard.store.custody import TAKE_LOCK
from dashboard.work import jobs
from interlock.frame import End
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import attribute
from tests.web.given import recorded
from tests.web.given import text

WORKER, NOBODY = 4711, 4712
TALLY = Tally(
    tried=40,
    distinct=31,
    groups=(
        Group("ok", "aa", "2 tasks returned", 30, "il1:", 0, 9),
        Group("silent", "bb", "broken: adds up", 10, "il1:5=c2", 3, 9),
    ),
    rules=(Rule("adds up", 40, 10),),
)
FOUND = Found(
    step=4,
    failed=120,
    schedules=33,
    alike=100,
    last_out=3,
    away=3,
    drawn=40,
    tried=240,
    void=0,
    every=False,
    doubt="",
    settled=True,
    ways_out=(WayOut(3, "il1:4=c2", "3 tasks returned"),),
)


def of_program(store: Store, orders: int = 40) -> int:
    return store.create_exploration("shared_session", "broken", "sqlalchemy-2.1", orders, 60, actor="Ann")


def of_run(store: Store, run_id: int) -> int:
    return store.create_exploration("shared_session", "broken", "sqlalchemy-2.1", 200, 60, run_id=run_id)


def row(store: Store, made: int) -> ExplorationRow:
    found = store.exploration(made)
    assert found
    return found


def test_an_exploration_from_its_wish_to_its_end(store: Store) -> None:
    made = of_program(store)
    assert (row(store, made).status, row(store, made).tally, row(store, made).over) == ("queued", None, False)
    assert store.claim_exploration(made, WORKER)
    assert not store.claim_exploration(made, NOBODY), "it is in somebody's hands"
    store.tell_exploration(made, "10 tried", Tally(tried=10))
    assert (row(store, made).status, row(store, made).progress) == ("running", "10 tried")
    store.finish_exploration(made, "ended", TALLY)
    store.finish_exploration(made, "interrupted", Tally())
    store.tell_exploration(made, "late", Tally())
    ended = row(store, made)
    assert (ended.status, ended.tally, ended.found, ended.over) == ("ended", TALLY, None, True)
    assert store.latest_explorations("shared_session") == [ended]
    (deed,), _, _ = store.history(HistoryFilter(action="explore"))
    assert (deed.actor, deed.object) == ("Ann", f"exploration:{made}")
    assert "shared_session ▸ broken on sqlalchemy-2.1" in deed.text


def test_of_each_program_and_stack_the_newest_is_the_latest(store: Store) -> None:
    of_program(store)
    newest = of_program(store)
    of_run(store, recorded(store))
    assert [one.id for one in store.latest_explorations("shared_session")] == [newest]


def test_what_was_found_of_a_run_changes_its_page(store: Store) -> None:
    run_id = recorded(store)
    made, before = of_run(store, run_id), store.rev(run_id)
    store.claim_exploration(made, WORKER)
    assert store.rev(run_id) == before
    store.finish_exploration(made, "ended", FOUND)
    assert store.rev(run_id) > before
    (known,) = store.explorations_of(run_id)
    assert (known.found, known.tally) == (FOUND, None)


def test_one_that_nobody_has_begun_is_cancelled_at_once_and_another_is_asked_to_end(store: Store) -> None:
    queued, running = of_program(store), of_program(store)
    store.claim_exploration(running, WORKER)
    for made in (queued, running, running):
        store.cancel_exploration(made, "Ann")
    assert (row(store, queued).status, row(store, queued).over) == ("cancelled", True)
    assert (row(store, running).status, row(store, running).cancel) == ("running", True)
    assert not store.claim_exploration(queued, WORKER)
    assert len(store.history(HistoryFilter(action="stop"))[0]) == 2
    store.cancel_exploration(queued, "Ann")


def test_those_of_a_worker_that_is_gone_are_found(store: Store, database: str) -> None:
    mine, lost, queued = of_program(store), of_program(store), of_program(store)
    store.claim_exploration(mine, WORKER)
    store.claim_exploration(lost, NOBODY)
    with psycopg.connect(database, autocommit=True) as presence:
        presence.execute(TAKE_LOCK, [WORKER])
        assert store.abandoned_explorations(WORKER, [mine]) == [lost]
        assert store.abandoned_explorations(WORKER, []) == [mine, lost]
    assert store.forgotten_explorations() == [], "it may just be on its way"
    with store.transaction() as tx:
        tx.exec_driver_sql("update exploration set created = created - interval '1 minute'")
    assert store.forgotten_explorations() == [queued]
    jobs.enqueue_exploration(store, queued)
    jobs.enqueue_exploration(store, queued)
    assert store.forgotten_explorations() == []


def test_what_it_may_have_left_in_the_lab_is_remembered_until_it_is_gone(store: Store) -> None:
    made = of_program(store)
    store.claim_exploration(made, WORKER)
    assert store.littered_explorations() == []
    store.finish_exploration(made, "ended", TALLY)
    assert store.littered_explorations() == [made]
    assert not store.delete_exploration(made, "Ann")
    store.tidied_exploration(made)
    assert store.littered_explorations() == []
    assert store.delete_exploration(made, "Ann")
    assert store.exploration(made) is None


@pytest.mark.parametrize("kept", [Retention(days=3), Retention(runs=1)])
def test_retention_takes_old_explorations_along(store: Store, kept: Retention) -> None:
    old, new = of_program(store), of_program(store)
    for made in (old, new):
        store.claim_exploration(made, WORKER)
        store.finish_exploration(made, "ended", TALLY)
        store.tidied_exploration(made)
    old_run = recorded(store)
    store.tidied(old_run)
    of_old_run = of_run(store, old_run)
    store.cancel_exploration(of_old_run, "")
    with store.transaction() as tx:
        earlier = "set created = created - interval '9 days', ended = ended - interval '9 days'"
        tx.exec_driver_sql(f"update exploration {earlier} where id = %s", (old,))
        tx.exec_driver_sql("update run set created = created - interval '8 days', ended = ended - interval '8 days'")
    with store.transaction() as tx:
        tx.exec_driver_sql("update exploration set created = created + interval '1 minute' where id = %s", (new,))
    recorded(store)
    store.set_retention(kept, "", "")
    assert store.retain("worker") == 1
    assert store.exploration(old) is None
    assert store.exploration(of_old_run) is None
    assert store.exploration(new)


def test_a_run_that_is_searched_is_not_deleted_under_the_search(store: Store) -> None:
    run_id = recorded(store)
    store.tidied(run_id)
    made = of_run(store, run_id)
    store.claim_exploration(made, WORKER)
    assert store.preview_deletion(Selection(ids=(run_id,))).live == (run_id,)
    store.finish_exploration(made, "ended", FOUND)
    assert store.preview_deletion(Selection(ids=(run_id,))).live == (run_id,), "its schema is still there"
    store.tidied_exploration(made)
    preview = store.preview_deletion(Selection(ids=(run_id,)))
    assert preview.live == ()
    store.delete_runs(Selection(ids=(run_id,)), preview.mark, "Ann")
    assert store.exploration(made) is None


def finished(store: Store, made: int, found: Tally | Found, status: str = "ended", **how: int | str | None) -> None:
    store.claim_exploration(made, WORKER)
    store.finish_exploration(made, status, found, **how)  # type: ignore[arg-type]


def test_orders_are_asked_for_on_the_incidents_page_and_found_again_there(client: FlaskClient, store: Store) -> None:
    asked = {"incident": "shared_session", "program": "broken", "stack": "sqlalchemy-2.1"}
    assert 'id="explore-broken-sqlalchemy-2.1"' in client.get("/incidents/shared_session").text
    answer = client.post("/explorations", data=asked, headers=FORM)
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert client.post("/explorations", data=asked, headers=FORM).headers["Location"] == place, "twice is once"
    made = int(place.rsplit("/", 1)[-1])
    assert (row(store, made).orders, row(store, made).seconds) == (400, 120)
    with store.reading() as tx:
        assert tx.exec_driver_sql("select count(*) from procrastinate_jobs where task_name = 'explore'").scalar() == 1
    assert "queued" in text(client.get(place))
    finished(store, made, TALLY)
    page = text(client.get(place))
    assert "It failed in 10 of 40 orders tried." in page
    assert "31 different schedules" in page
    assert "400 orders were asked for: its time was up (120 s)." in page
    assert "adds up: broken in 10 of 40" in page
    assert "10 of 40 failed" in text(client.get("/incidents/shared_session"))
    assert f"exploration {made}" in text(client.get("/history?action=explore"))


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (Tally(40, 31, (Group("ok", "aa", "", 40, "il1:", 0, 9),)), "This is no proof that no order fails"),
        (Tally(40, 6, (Group("ok", "aa", "", 40, "il1:", 0, 9),), every=True), "It fails in none of all its 6 orders."),
        (Tally(1, 1, (Group("invalid", "aa", "no such table", 1, "il1:", 0, 0),)), "which says nothing of it"),
        (Tally(40, 6, (Group("limit", "aa", "", 40, "il1:", 0, 9),)), "40 reached a bound before they ended"),
    ],
    ids=("none failed", "all were tried", "it could not be run", "only bounds were reached"),
)
def test_what_orders_say_is_no_more_than_they_say(client: FlaskClient, store: Store, tally: Tally, said: str) -> None:
    made = of_program(store)
    finished(store, made, tally)
    page = text(client.get(f"/explorations/{made}"))
    assert said in page
    assert tally.every or "There is no other" not in page


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"incident": "nothing"}, 404),
        ({"program": "nothing"}, 400),
        ({"stack": "nothing"}, 400),
        ({"orders": "0"}, 400),
        ({"orders": "1000000"}, 400),
        ({"seconds": "99999"}, 400),
    ],
)
def test_what_cannot_be_explored_is_said(client: FlaskClient, store: Store, asked: dict[str, str], status: int) -> None:
    form = {"incident": "shared_session", "program": "broken", "stack": "sqlalchemy-2.1", **asked}
    assert client.post("/explorations", data=form, headers=FORM).status_code == status
    assert client.get("/explorations/77").status_code == 404


def test_a_stack_that_is_missing_is_installed_first(client: FlaskClient, store: Store) -> None:
    form = {"incident": "shared_session", "program": "broken", "stack": "sqlalchemy-1.4.42"}
    assert "/stacks?then=" in client.post("/explorations", data=form, headers=FORM).headers["Location"]


def test_it_is_watched_and_cancelled(client: FlaskClient, store: Store) -> None:
    made = of_program(store)
    store.claim_exploration(made, WORKER)
    store.tell_exploration(made, "10 of 40 orders tried", Tally(tried=10, distinct=9))
    page = client.get(f"/explorations/{made}")
    assert "10 of 40 orders tried" in text(page)
    rev = row(store, made).rev
    assert client.get(f"/explorations/{made}/live?rev={rev}", headers=HX).status_code == 204
    store.tell_exploration(made, "20 of 40 orders tried", Tally(tried=20, distinct=9))
    fragment = client.get(f"/explorations/{made}/live?rev={rev}", headers=HX)
    assert "20 of 40 orders tried" in text(fragment)
    assert "hx-trigger" in fragment.text
    client.post(f"/explorations/{made}/cancel", headers=FORM)
    assert row(store, made).cancel
    assert client.post(f"/explorations/{made}/delete", headers=FORM).status_code == 409
    store.finish_exploration(made, "cancelled", Tally(tried=25, distinct=9))
    fragment = client.get(f"/explorations/{made}/live?rev={rev}", headers=HX)
    assert "hx-trigger" not in fragment.text
    assert "40 orders were asked for: somebody ended it." in text(fragment)
    store.tidied_exploration(made)
    assert client.post(f"/explorations/{made}/delete", headers=FORM).headers["Location"] == "/incidents/shared_session"


def test_a_failed_run_is_searched_and_its_page_then_knows_the_step(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    assert "Find where it became inevitable" in text(client.get(f"/runs/{run_id}"))
    answer = client.post(f"/runs/{run_id}/explorations", headers=FORM)
    place = answer.headers["Location"]
    assert client.post(f"/runs/{run_id}/explorations", headers=FORM).headers["Location"] == place
    made = int(place.rsplit("/", 1)[-1])
    assert client.get(f"/explorations/{made}").headers["Location"] == place
    assert "See how far it is" in text(client.get(f"/runs/{run_id}"))
    out = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "replay", "il1:2=c2", parent=run_id, branch=1)
    finished(store, made, replace(FOUND, step=2, last_out=1), way_out=out)

    claim = "After step 2 every one of 120 continuations tried fails (33 different)."
    before = "After step 1 there was a way out: 3 of 40 continuations drawn got away."
    page = client.get(place)
    assert claim in text(page)
    assert before in text(page)
    assert "100 of them ended as the run did" in text(page)
    assert f'href="/compare?a={run_id}&amp;b={out}"' in page.text
    shown = client.get(f"/runs/{run_id}?step=0")
    assert attribute(shown, "turn", "href") == f"/runs/{run_id}?step=2"
    assert "Inevitable: step 2" in text(shown)
    assert claim in (attribute(shown, "turn", "title") or "")
    assert claim in text(shown)
    assert "Inevitable: step 2" in text(client.get(f"/runs/{run_id}/offline.html"))


def test_of_several_searches_the_one_that_knows_a_later_way_out_is_believed(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    for step in (2, 1):
        finished(store, of_run(store, run_id), replace(FOUND, step=step, last_out=step - 1))
    assert "Inevitable: step 2" in text(client.get(f"/runs/{run_id}?step=0"))


def test_a_branch_that_ended_well_takes_the_claim_back(client: FlaskClient, store: Store) -> None:
    run_id = recorded(store)
    finished(store, of_run(store, run_id), replace(FOUND, step=1, last_out=0))
    assert "Inevitable: step 1" in text(client.get(f"/runs/{run_id}"))
    out = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", "il1:2=c2", parent=run_id, branch=1)
    store.claim(out, WORKER)
    store.finish(out, End("ok", "aa", "", "il1:2=c2", 3))
    page = text(client.get(f"/runs/{run_id}"))
    assert "Inevitable: step" not in page
    assert f"Run {out} left it after step 1 and ended well" in page


@pytest.mark.parametrize(
    ("found", "said", "never"),
    [
        (replace(FOUND, step=0, last_out=-1, ways_out=()), "From the start every one of 120", "way out"),
        (replace(FOUND, every=True), "After step 4 there are 33 continuations, and all fail.", "every one of"),
        (replace(FOUND, step=9, settled=False), "Nothing is known of the steps between: its time was up", "None"),
        (replace(FOUND, last_out=-1, settled=False, ways_out=()), "may have been inevitable earlier", "there was"),
        (replace(FOUND, failed=0, schedules=0, alike=0, last_out=-1, settled=False), "cut short before", "After step"),
        (replace(FOUND, failed=0, schedules=0, alike=0), "The choice of step 4 decided it", "tried fails"),
        (replace(FOUND, doubt="the same choices differ"), "another way another time: the same choices differ", "None"),
    ],
)
def test_what_continuations_say_is_no_more_than_they_say(
    client: FlaskClient, store: Store, found: Found, said: str, never: str
) -> None:
    run_id = recorded(store)
    made = of_run(store, run_id)
    finished(store, made, found)
    page = text(client.get(f"/runs/{run_id}/explorations/{made}"))
    page = page[page.index("ended ") : page.index("Look again")]
    assert said in page
    assert never not in page


def test_a_run_that_did_not_fail_is_not_searched(client: FlaskClient, store: Store) -> None:
    fine = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    store.claim(fine, WORKER)
    assert client.post(f"/runs/{fine}/explorations", headers=FORM).status_code == 409
    store.finish(fine, End("ok", "aa", "", "il1:", 3))
    assert client.post(f"/runs/{fine}/explorations", headers=FORM).status_code == 409
    natural = recorded(store, mode="natural")
    assert client.post(f"/runs/{natural}/explorations", headers=FORM).status_code == 409
    assert "Find where it became inevitable" not in text(client.get(f"/runs/{natural}"))


def test_a_viewer_sees_what_was_found_of_the_run_and_starts_nothing(store: Store, tmp_path: Path) -> None:
    settings = Settings(
        tmp_path, host="0.0.0.0", token="t", allowed_hosts=("localhost",), scenario_dirs=(resource("scenarios"),)
    )
    visitor = create_app(settings, store).test_client()
    run_id, other = recorded(store), recorded(store)
    mine, others, orders = of_run(store, run_id), of_run(store, other), of_program(store)
    finished(store, mine, replace(FOUND, step=2, last_out=1))
    _, token = store.create_share(run_id, timedelta(hours=1))
    visitor.get(f"/share/{token}")
    page = visitor.get(f"/runs/{run_id}/explorations/{mine}")
    assert "After step 2 every one of 120" in text(page)
    assert "<form" not in page.text[page.text.index('id="exploration"') :].split("</section>")[0]
    assert "Inevitable: step 2" in text(visitor.get(f"/runs/{run_id}"))
    assert "Look again" not in text(visitor.get(f"/runs/{run_id}"))
    assert visitor.get(f"/runs/{run_id}/explorations/{others}").status_code == 404
    assert visitor.get(f"/runs/{run_id}/explorations/{others}/live").status_code == 404
    assert visitor.get(f"/runs/{other}/explorations/{others}").status_code == 403
    assert visitor.get(f"/explorations/{orders}").status_code == 403
    for place in (f"/runs/{run_id}/explorations", "/explorations", f"/explorations/{mine}/cancel"):
        assert visitor.post(place, headers=FORM).status_code == 403
