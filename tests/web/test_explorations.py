"""Explorations: what the store keeps of them, and what their pages say."""

from __future__ import annotations

import psycopg
import pytest

from dashboard import jobs
from dashboard.inevitable import Found
from dashboard.inevitable import WayOut
from dashboard.store import ExplorationRow
from dashboard.store import HistoryFilter
from dashboard.store import Retention
from dashboard.store import Selection
from dashboard.store import Store
from dashboard.store.custody import TAKE_LOCK
from dashboard.tally import Group
from dashboard.tally import Rule
from dashboard.tally import Tally
from tests.web.test_branches import recorded

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
    settled=True,
    ways_out=(WayOut(3, "il1:4=c2", "3 tasks returned", 3, 17),),
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
    assert store.weigh(Selection(ids=(run_id,))).live == (run_id,)
    store.finish_exploration(made, "ended", FOUND)
    assert store.weigh(Selection(ids=(run_id,))).live == (run_id,), "its schema is still there"
    store.tidied_exploration(made)
    weight = store.weigh(Selection(ids=(run_id,)))
    assert weight.live == ()
    store.delete_runs(Selection(ids=(run_id,)), weight.mark, "Ann")
    assert store.exploration(made) is None
