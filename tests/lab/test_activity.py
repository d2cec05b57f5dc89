"""The live page of pg_stat_activity, and what servers say of themselves: on real ones, with a blocked pair."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.config import Settings
from dashboard.presenters import waits
from dashboard.servers.watch import NAME
from dashboard.servers.watch import Session
from dashboard.servers.watch import Unreachable
from dashboard.servers.watch import Watch
from dashboard.servers.watch import facts
from dashboard.servers.watch import look
from dashboard.store import Store

LOCK = "select pg_advisory_xact_lock(471147)"


@pytest.fixture
def blocked_pair(lab_url: str) -> Iterator[tuple[int, int]]:
    """Who holds a lock and who waits for it: pids. They call themselves as connections of a run do."""
    holder = psycopg.connect(lab_url, application_name="interlock:run_42:c1")
    waiter = psycopg.connect(lab_url, application_name="interlock:run_42:c2")
    holder.execute(LOCK)
    thread = threading.Thread(target=waiter.execute, args=[LOCK])
    thread.start()
    try:
        for _ in range(1000):
            if sessions(lab_url)[waiter.info.backend_pid].wait_type == "Lock":
                break
        yield holder.info.backend_pid, waiter.info.backend_pid
    finally:
        holder.rollback()
        thread.join()
        waiter.rollback()
        holder.close()
        waiter.close()


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    assert settings.store_url
    store = Store(settings.store_url)
    nowhere = ("gone", "postgresql://reader:hunter2@127.0.0.1:1/shop")
    yield create_app(replace(settings, watch=(nowhere,)), store).test_client()
    store.close()


def sessions(url: str) -> dict[int, Session]:
    return {one.pid: one for one in look(url).sessions}


def row_of(html: str, pid: int) -> str:
    found = re.search(rf'<tr id="s-{pid}-\d+".*?</tr>', html, re.DOTALL)
    assert found, f"no row of {pid}"
    return found.group()


def test_a_look_tells_who_waits_for_whom_and_leaves_itself_out(lab_url: str, blocked_pair: tuple[int, int]) -> None:
    holder, waiter = blocked_pair
    found = sessions(lab_url)
    assert found[waiter].blocked_by == (holder,)
    assert (found[waiter].state, found[holder].state) == ("active", "idle in transaction")
    assert waits.meaning(f"{found[waiter].wait_type}/{found[waiter].wait_event}") == "for an advisory lock"
    assert found[waiter].xact_age is not None
    assert LOCK in found[waiter].query
    assert NAME not in {one.application for one in found.values()}


def test_the_page_leads_from_a_waiter_to_its_blocker_and_to_the_run(
    client: FlaskClient, blocked_pair: tuple[int, int]
) -> None:
    holder, waiter = blocked_pair
    page = client.get("/activity/live?server=lab&active=1&search=c2").text
    row = row_of(page, waiter)
    assert 'href="/runs/42">run 42</a>' in row
    assert "for an advisory lock" in row
    jump = re.search(r'class="tag bad"[^>]*href="#([^"]*)"[^>]*>(\d+)<', row)
    assert jump
    assert jump[2] == str(holder)
    assert f'id="{jump[1]}"' in page  # a blocker is shown, whatever the filter says of it
    assert "blocks 1" in row_of(page, holder)
    assert "1 waits for a lock" in page


def test_filters_of_the_live_page(client: FlaskClient, lab_url: str, blocked_pair: tuple[int, int]) -> None:
    with psycopg.connect(lab_url, application_name="psql", autocommit=True) as other:
        other.execute("select 'quiet'")
        pid = f'id="s-{other.info.backend_pid}-'
        assert pid in client.get("/activity/live").text
        assert "checkpointer" in client.get("/activity/live?background=1").text
        for left_out in ("active=1", "runs=1", "search=advisory"):
            page = client.get(f"/activity/live?{left_out}").text
            assert pid not in page, left_out
            assert re.search(rf'data-alive="[^"]*\b{other.info.backend_pid}-', page)  # it has not ended
    assert client.get("/activity?server=shop").status_code == 400


def test_a_password_in_a_statement_is_struck_out(lab_url: str) -> None:
    with psycopg.connect(lab_url, autocommit=True) as other:
        other.execute("select 1 -- password = 'hunter2'")
        assert "hunter2" not in sessions(lab_url)[other.info.backend_pid].query


def test_many_viewers_cost_the_server_one_look(settings: Settings, lab_url: str) -> None:
    watch = Watch(settings)
    first = watch.sessions("lab", lab_url)
    assert watch.sessions("lab", lab_url) is first


def test_servers_say_what_they_are_and_one_that_is_away_takes_nothing_with_it(client: FlaskClient) -> None:
    page = client.get("/servers")
    assert page.status_code == 200
    cards = dict(re.findall(r'id="server-(\w+)">(.*?)</article>', page.text, re.DOTALL))
    assert set(cards) == {"lab", "store", "replica", "gone"}
    assert "PostgreSQL 1" in cards["lab"]
    assert re.search(r"\d+ of 200", cards["lab"])
    assert "to look at" not in cards["lab"]  # the embedded servers are as they should be
    assert "to look at" not in cards["store"]
    assert "not running" in cards["replica"]
    assert "does not answer" in cards["gone"]
    assert "127.0.0.1:1, database shop" in cards["gone"]
    assert "hunter2" not in page.text


def test_servers_are_searched_sorted_and_filtered(client: FlaskClient) -> None:
    def named(query: str) -> list[str]:
        return re.findall(r'id="server-(\w+)"', client.get(f"/servers?{query}").text)

    assert named("") == ["lab", "store", "replica", "gone"]
    assert named("sort=name") == ["gone", "lab", "replica", "store"]
    assert named("sort=-state") == ["replica", "gone", "lab", "store"]
    assert named("state=down") == ["gone"]
    assert named("search=watched") == ["gone"]
    page = client.get("/servers?search=lock_timeout").text
    assert re.findall(r'id="server-(\w+)"', page) == ["lab"]
    assert set(re.findall(r"<code>(\w+)</code></th>", page)) == {"deadlock_timeout", "lock_timeout"}
    assert "see all servers" in client.get("/servers?search=mysql").text
    assert client.get("/servers?sort=password").status_code == 400


def test_servers_tell_what_their_sessions_do(client: FlaskClient, blocked_pair: tuple[int, int]) -> None:
    page = client.get("/servers?search=lab").text
    assert re.search(r'href="/activity\?server=lab"[^>]*>1 waits for a lock, 1 idle in a transaction<', page)


def test_a_server_that_is_only_watched_shows_settings_and_no_verdict(settings: Settings) -> None:
    assert settings.lab_url
    assert settings.store_url
    store = Store(settings.store_url)
    client = create_app(replace(settings, watch=(("shop", settings.lab_url),)), store).test_client()
    card = re.search(r'id="server-shop">(.*?)</article>', client.get("/servers").text, re.DOTALL)
    store.close()
    assert card
    assert "default_transaction_isolation" in card[1]
    assert "read committed" in card[1]
    assert "should be" not in card[1]
    assert "to look at" not in card[1]


def test_a_setting_that_would_end_runs_is_pointed_at(client: FlaskClient, lab_url: str) -> None:
    with psycopg.connect(lab_url, autocommit=True) as lab:
        lab.execute("alter role current_user set idle_in_transaction_session_timeout = '5min'")
        try:
            page = client.get("/servers").text
        finally:
            lab.execute("alter role current_user reset idle_in_transaction_session_timeout")
    assert "1 setting to look at" in page
    assert re.search(r'class="wrong".*?idle_in_transaction_session_timeout.*?5min', page, re.DOTALL)


def test_a_server_that_does_not_answer_is_a_state_of_the_page_and_an_error_of_a_poll(client: FlaskClient) -> None:
    page = client.get("/activity?server=gone")
    assert page.status_code == 200
    assert "The server “gone” does not answer." in page.text
    assert "data-poll" in page.text  # it is asked again
    poll = client.get("/activity/live?server=gone", headers={"HX-Request": "true"})
    assert poll.status_code == 503
    assert "hunter2" not in page.text + poll.text
    with pytest.raises(Unreachable):
        facts("postgresql://reader:hunter2@127.0.0.1:1/shop")


def test_no_replica_runs_until_one_is_needed(client: FlaskClient) -> None:
    assert "The server “replica” is not running." in client.get("/activity?server=replica").text
