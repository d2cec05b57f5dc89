"""Who is here, who leads, and who is written down as having done what."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from dashboard.app import create_app
from dashboard.company import Company
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.gallery import sample
from dashboard.person import Person
from dashboard.store import RunFilter
from dashboard.store import Store
from dashboard.store import UnknownRun
from tests.web.given import FORM
from tests.web.given import HX
from tests.web.given import answer_commands
from tests.web.given import attribute
from tests.web.given import recorded
from tests.web.given import text
from tests.web.given import waiting_run


@pytest.fixture
def app(store: Store, tmp_path: Path) -> Flask:
    return create_app(Settings(tmp_path, scenario_dirs=(resource("scenarios"),)), store)


def names(store: Store, run_id: int) -> list[tuple[str, bool]]:
    return [(one.name or f"guest {one.guest}", one.here) for one in store.audience(run_id).watchers]


def silence(store: Store, run_id: int, seconds: int, name: str = "%") -> None:
    """Somebody was not heard of for so long."""
    with store.transaction() as tx:
        tx.exec_driver_sql(
            f"update presence set seen = seen - interval '{seconds} seconds' where run_id = {run_id} and name like %s",
            (name,),
        )


def test_whoever_opens_the_page_is_there_and_may_give_a_name(app: Flask, store: Store) -> None:
    run_id = recorded(store)
    ann, other = app.test_client(), app.test_client()
    first = ann.get(f"/runs/{run_id}")
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    other.get(f"/runs/{run_id}")
    answer = ann.post(f"/runs/{run_id}/company/name", data={"name": "  Ann <b>\n"}, headers=HX)
    assert "2 watching" in text(answer)
    assert "Ann <b> you" in text(answer)
    assert "Ann <b>" not in answer.text
    assert names(store, run_id) == [("Ann <b>", True), ("guest 2", True)]
    assert 'value="Ann &lt;b&gt;"' in ann.get(f"/runs/{run_id}").text


def test_a_poll_is_answered_only_when_somebody_comes_goes_or_leads(app: Flask, store: Store) -> None:
    run_id = waiting_run(store)
    ann, bob = app.test_client(), app.test_client()
    page = ann.get(f"/runs/{run_id}")
    url = str(attribute(page, "company", "hx-get"))
    assert attribute(page, "company", "hx-trigger") == "every 3s"
    quiet = ann.get(url, headers=HX)
    assert quiet.status_code == 204
    assert len(str(quiet.headers)) < 200
    store.add_step(run_id, sample.STEPS[1], status="waiting")  # the run's page asks for that itself
    app.extensions["interlock"].company.forget(run_id)
    assert ann.get(url, headers=HX).status_code == 204
    bob.get(f"/runs/{run_id}")
    assert "2 watching" in text(ann.get(url, headers=HX))
    bob.post(f"/runs/{run_id}/lead", data={"step": "0"}, headers=HX)
    answer = ann.get(url, headers=HX)
    assert attribute(answer, "company", "data-to") == "0"
    assert attribute(answer, "company", "hx-trigger") == "every 1s"


def test_who_falls_silent_has_left_and_who_led_is_said_to_be_gone(app: Flask, store: Store) -> None:
    run_id = recorded(store)
    ann, bob = app.test_client(), app.test_client()
    for client, name in ((ann, "Ann"), (bob, "Bob")):
        client.get(f"/runs/{run_id}")
        client.post(f"/runs/{run_id}/company/name", data={"name": name}, headers=HX)
    assert "You lead" in text(ann.post(f"/runs/{run_id}/lead", data={"step": "1"}, headers=HX))
    assert "following Ann" in text(bob.get(f"/runs/{run_id}/company", headers=HX))
    silence(store, run_id, 25, "Ann")
    app.extensions["interlock"].company.forget(run_id)
    bar = bob.get(f"/runs/{run_id}/company", headers=HX)
    assert "Ann , who led, is gone; last at step 1" in text(bar)
    assert "1 watching" in text(bar)
    assert attribute(bar, "company", "data-to") == ""  # nobody is brought anywhere
    silence(store, run_id, 300, "Ann")
    app.extensions["interlock"].company.forget(run_id)
    assert "Ann" not in text(bob.get(f"/runs/{run_id}/company", headers=HX))


def test_going_somewhere_leads_there_and_following_does_not(app: Flask, store: Store) -> None:
    run_id = recorded(store)
    ann, bob = app.test_client(), app.test_client()
    ann.get(f"/runs/{run_id}")
    bob.get(f"/runs/{run_id}")
    ann.post(f"/runs/{run_id}/lead", data={"step": "2"}, headers=HX)

    def led_to() -> str | None:
        return attribute(bob.get(f"/runs/{run_id}/company", headers=HX), "company", "data-to")

    assert led_to() == "2"
    pushed = ann.get(f"/runs/{run_id}/live?step=1", headers=HX)
    assert "HX-Push-Url" in pushed.headers
    assert led_to() == "1"
    ann.get(f"/runs/{run_id}?step=0")  # opened anew, by its address
    assert led_to() == "0"
    followed = bob.get(f"/runs/{run_id}/live?step=0&follow=1", headers=HX)
    assert followed.headers["HX-Replace-Url"] == f"/runs/{run_id}?step=0"
    bob.get(f"/runs/{run_id}/live?step=2", headers=HX)  # looks around
    ann.get(f"/runs/{run_id}/live?step=2&follow=1", headers=HX)  # another window of who leads
    assert led_to() == "0"
    # Somebody else takes the lead; the first one's clicks no longer count.
    bob.post(f"/runs/{run_id}/lead", data={"step": "2"}, headers=HX)
    ann.get(f"/runs/{run_id}/live?step=1", headers=HX)
    assert led_to() == "2"
    assert "Take the lead" in text(ann.get(f"/runs/{run_id}/company", headers=HX))
    bob.post(f"/runs/{run_id}/lead/stop", headers=HX)
    assert attribute(ann.get(f"/runs/{run_id}/company", headers=HX), "company", "data-to") == ""


def test_at_the_end_of_a_run_that_goes_on_one_leads_to_whatever_is_newest(app: Flask, store: Store) -> None:
    run_id = waiting_run(store, 2)
    ann = app.test_client()
    ann.get(f"/runs/{run_id}")
    led = ann.post(f"/runs/{run_id}/lead", data={"step": "1"}, headers=HX)
    assert attribute(led, "company", "data-to") == "latest"
    ann.get(f"/runs/{run_id}/live?step=0", headers=HX)
    assert store.audience(run_id).watchers[0].step == 0
    worker = answer_commands(
        store, run_id, lambda ids: store.add_step(run_id, sample.STEPS[2], status="waiting", done=ids)
    )
    ann.post(f"/runs/{run_id}/commands", data={"kind": "advance"}, headers=HX)
    worker.join()
    assert store.audience(run_id).watchers[0].step is None


def test_the_name_is_written_down_with_what_is_done(app: Flask, store: Store) -> None:
    run_id = waiting_run(store)
    ann = app.test_client()
    ann.get(f"/runs/{run_id}")
    ann.post(f"/runs/{run_id}/company/name", data={"name": "Ann"}, headers=FORM)
    asked = []
    worker = answer_commands(
        store, run_id, lambda ids: [asked.extend(store.open_commands(run_id)), store.settle(ids[0])]
    )
    ann.post(f"/runs/{run_id}/commands", data={"kind": "pause"}, headers=HX)
    worker.join()
    assert [one.actor for one in asked] == ["Ann"]
    form = {"incident": "shared_session", "program": "broken", "stack": "sqlalchemy-2.1", "mode": "random", "seed": "7"}
    ann.post("/runs", data=form, headers=FORM)
    ann.post("/patterns/runs", headers=FORM)
    made = store.runs(RunFilter(status="queued"))
    assert made.total > 1
    assert {run.actor for run in made.rows} == {"Ann"}


def test_one_leads_at_a_time(store: Store) -> None:
    run_id = recorded(store)
    for person in ("a", "b"):
        store.seen(run_id, person, "", viewer=False)
    assert store.lead(run_id, "a", 1)
    assert store.lead(run_id, "b", None)
    assert [one.leads for one in store.audience(run_id).watchers] == [False, True]
    assert not store.lead_to(run_id, "a", 0)
    assert not store.lead(run_id, "nobody", 0)


def test_being_there_is_written_every_few_seconds_only(store: Store) -> None:
    run_id, now = recorded(store), 0.0
    company, ann = Company(lambda: now), Person("a", "Ann", False)

    def forget_when() -> None:
        with store.transaction() as tx:
            tx.exec_driver_sql("update presence set seen = 'epoch'")

    company.note(store, run_id, ann)
    forget_when()
    now = 7.9
    company.note(store, run_id, ann)
    assert not store.audience(run_id).watchers  # nothing was written since
    now = 8.1
    company.note(store, run_id, ann)
    assert names(store, run_id) == [("Ann", True)]
    company.note(store, run_id, Person("a", "Anna", False))  # another name is written at once
    assert names(store, run_id) == [("Anna", True)]


def test_a_run_that_is_gone_ends_the_asking(app: Flask, store: Store) -> None:
    client = app.test_client()
    client.get(f"/runs/{recorded(store)}")
    answer = client.get("/runs/77/company", headers=HX)
    assert answer.status_code == 200
    assert "hx-trigger" not in answer.text
    with pytest.raises(UnknownRun):
        store.audience(77)
    assert client.post("/runs/77/lead", headers=HX).status_code == 404
    store.seen(77, "a", "", viewer=False)  # harmless
