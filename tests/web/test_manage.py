"""The management pages: lists, what is done to many runs at once, retention, history."""

from __future__ import annotations

import html
import io
import re
import zipfile

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.presenters import sample
from dashboard.store import Change
from dashboard.store import HistoryFilter
from dashboard.store import Retention
from dashboard.store import RunFilter
from dashboard.store import Selection
from dashboard.store import Store
from interlock import journal
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Step

WORKER = 4711
FORM = {"Sec-Fetch-Site": "same-origin"}


def ended_run(store: Store, program: str = "broken", parent: int | None = None) -> int:
    """A run that is over, with two steps, of which nothing is left in the lab."""
    run_id = store.create_run(
        "shared_session", program, "sqlalchemy-1.4.42", "random", seed=7, parent=parent, branch=0 if parent else None
    )
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, sample.HEADER)
    for step in sample.STEPS[:2]:
        store.add_step(run_id, step)
    store.finish(run_id, sample.END, True)
    store.tidied(run_id)
    return run_id


def made_up(store: Store, number: int) -> None:
    """Many runs at once, in two incidents and three outcomes, each a minute older than the one before."""
    with store.transaction() as tx:
        tx.execute(
            sa.text("""
            insert into run (incident, program, stack, mode, schedule, seed, title, actor, status, outcome, summary,
                             steps, litter, created, started, ended)
            select case when n % 3 = 0 then 'lost_update' else 'shared_session' end, 'broken',
                   case when n % 2 = 0 then 'sqlalchemy-2.1' else 'sqlalchemy-1.4.42' end, 'random', 'il1:', n, '', '',
                   'ended', (array['ok', 'error', 'silent'])[n % 3 + 1], 'summary of ' || n, n % 7, false,
                   now() - make_interval(mins => n), now() - make_interval(mins => n),
                   now() - make_interval(mins => n) + make_interval(secs => n % 11)
            from generate_series(1, :number) n
            """),
            {"number": number},
        )


# The store


def test_what_was_weighed_is_what_is_deleted(store: Store) -> None:
    first, second = ended_run(store), ended_run(store)
    child = ended_run(store, parent=first)
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    chosen = Selection(ids=(first, second, live))
    weight = store.weigh(chosen)
    assert (weight.runs, weight.steps, weight.live, weight.branches) == (2, 4, (live,), (child,))
    assert weight.bytes > 100
    assert weight.noted == ()
    note = store.add_note(first, 1, "look here")
    assert store.weigh(chosen).noted == (first,)
    store.delete_note(first, note)
    assert store.weigh(chosen) == weight
    assert store.delete_runs(chosen, weight.mark, "ann") == 2
    assert store.run(first) is None
    assert store.run(live) is not None
    orphan = store.run(child)
    assert orphan is not None
    assert orphan.parent is None
    [deed] = store.history(HistoryFilter(action="delete"))[0]
    assert (deed.actor, deed.object) == ("ann", "runs")
    assert f"{first}–{second}" in deed.text


def test_nothing_goes_that_was_not_weighed(store: Store) -> None:
    ended_run(store)
    chosen = Selection(filter=RunFilter(incident="shared_session"))
    weight = store.weigh(chosen)
    later = ended_run(store)
    with pytest.raises(Change) as change:
        store.delete_runs(chosen, weight.mark, "")
    assert change.value.weight.runs == 2
    assert store.run(later) is not None


def test_history_cannot_be_rewritten(store: Store) -> None:
    store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", actor="ann")
    for statement in ("update history set actor = 'bob'", "delete from history"):
        with pytest.raises(sa.exc.DBAPIError, match="only ever added to"), store.transaction() as tx:
            tx.exec_driver_sql(statement)


def test_choosing_is_noted_once_and_commands_each_time(store: Store) -> None:
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", actor="ann")
    for kind in ("advance", "advance", "play", "pause", "play"):
        store.command(run_id, kind, actor="bob")
    deeds, total, counts = store.history(HistoryFilter(object=f"run:{run_id}"))
    assert [deed.action for deed in deeds] == ["play", "pause", "play", "advance", "start"]
    assert total == 5
    assert counts["actor"] == {"ann": 1, "bob": 4}


def test_retention_keeps_what_is_pinned_new_or_alive(store: Store) -> None:
    made_up(store, 30)
    oldest = store.selected(Selection(filter=RunFilter()), 30)[0]  # the newest id was made up as the oldest run
    by_age = sorted(store.selected(Selection(filter=RunFilter()), 30))
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set ended = now() - interval '8 days' where seed > 20")
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    store.pin([oldest], "ann", on=True)
    assert store.retain("") == 0  # off by default
    assert store.weigh(Selection(retention=Retention(days=7))).runs == 9
    store.set_retention(Retention(days=7), "ann", "7 days")
    assert store.retain("") == 9
    assert store.run(oldest) is not None
    store.set_retention(Retention(runs=5), "ann", "5 runs")
    store.retain("")
    left = store.selected(Selection(filter=RunFilter()), 50)
    assert live in left
    assert oldest in left
    assert len(left) == 5
    assert by_age[0] not in left
    assert [deed.text for deed in store.history(HistoryFilter(action="settings"))[0]] == ["5 runs", "7 days"]


def test_facets_count_what_each_choice_would_show(store: Store) -> None:
    made_up(store, 213)
    listed = store.listed(RunFilter(incident="lost_update"), limit=50)
    assert listed.total == 71
    assert listed.facets["incident"] == {"lost_update": 71, "shared_session": 142}
    assert sum(listed.facets["stack"].values()) == 71
    assert listed.facets["outcome"] == {"ok": 71}


# The list of runs


def text(answer: TestResponse) -> str:
    """What a reader sees of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_list_pages_through_all_there_are_and_says_how_many(client: FlaskClient, store: Store) -> None:
    made_up(store, 213)
    seen: list[str] = []
    where: str | None = "/runs"
    said = []
    while where:
        page = client.get(where)
        said.append(re.search(r"Showing [^.]*", text(page)).group())  # type: ignore[union-attr]
        seen += re.findall(r'<a href="/runs/(\d+)">', page.text)
        following = re.findall(r'href="([^"]*)" rel="next"', page.text)
        where = html.unescape(following[0]) if following else None
    assert said[0] == "Showing 50 of 213 runs, newest first (1 to 50)"
    assert said[-1] == "Showing 13 of 213 runs, newest first (201 to 213)"
    assert len(said) == 5
    assert len(set(seen)) == len(seen) == 213
    assert "Showing 13 of 213" in client.get("/runs?page=99").text  # some were deleted since the link was made


def test_a_run_that_comes_in_pushes_no_other_onto_two_pages(client: FlaskClient, store: Store) -> None:
    made_up(store, 120)
    seen: list[str] = []
    where: str | None = "/runs?stack=sqlalchemy-2.1"
    while where:
        page = client.get(where)
        seen += re.findall(r'<a href="/runs/(\d+)">', page.text)
        following = re.findall(r'href="([^"]*)" rel="next"', page.text)
        where = html.unescape(following[0]) if following else None
        came = [store.create_run("shared_session", "broken", stack, "step") for stack in ("sqlalchemy-2.1", "other")]
    assert len(seen) == len(set(seen)) == 60
    assert "1 newer run is not among these" in text(page)
    again = client.get(html.unescape(re.findall(r'href="([^"]*)">begin again', page.text)[0]))
    assert f'href="/runs/{came[0]}"' in again.text
    assert "newer run" not in again.text
    # What is done to all that match is done to those that were shown.
    all_of_them = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    asked = client.get("/runs/selected", query_string={**all_of_them, "all": "1", "action": "delete"})
    assert "Delete 60 runs?" in asked.text


def test_a_list_is_filtered_by_how_long_runs_took_by_their_age_and_by_what_keeps_them(
    client: FlaskClient, store: Store
) -> None:
    made_up(store, 33)  # each took up to ten whole seconds
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set created = now() - interval '2 days' where seed > 30")
    pinned, noted = store.selected(Selection(filter=RunFilter()), 2)
    store.pin([pinned], "ann", on=True)
    store.add_note(noted, 0, "look")
    facets = store.listed(RunFilter(), limit=1).facets
    assert facets["took"] == {"0.2s": 3, "1s": 3, "10s": 27}
    assert facets["started"] == {"hour": 30, "week": 3}
    assert facets["kept"] == {"pinned": 1, "noted": 1}
    page = client.get("/runs?took=1s&started=hour")
    assert "Showing 3 of 3 runs that match" in page.text
    assert '<option value="1s" selected>0.2 to 1 s (3)</option>' in page.text
    assert '<option value="week">1 to 7 days ago' not in page.text  # none of those
    assert f'href="/runs/{noted}"' in client.get("/runs?kept=noted").text
    assert "Showing 1 of 1 run that match" in client.get("/runs?kept=pinned").text
    assert "No run matches." in client.get("/runs?took=banana").text


def test_a_run_is_found_by_the_isolation_that_it_asked_for(client: FlaskClient, store: Store) -> None:
    def says(number: int, text: str) -> Step:
        return Step(number, Frame(0.0), events=(Event("sent", text, connection="c1"),))

    asked = {}
    for name, texts in {
        "plain": [
            "BEGIN on c1: BEGIN ISOLATION LEVEL READ COMMITTED",
            "INSERT on c1: insert ISOLATION LEVEL SERIALIZABLE",
        ],
        "both": [
            "SET on c1: SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "BEGIN on c1: begin isolation level repeatable read",
        ],
        "snapshot": ["BEGIN on c1: BEGIN", "BEGIN on c2: BEGIN ISOLATION LEVEL REPEATABLE READ"],
    }.items():
        asked[name] = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "replay")
        for number, said in enumerate(texts):
            store.add_step(asked[name], says(number, said))
    assert store.listed(RunFilter(), limit=1).facets["isolation"] == {"serializable": 1, "repeatable read": 1}
    page = client.get("/runs?isolation=serializable")
    assert re.findall(r'<th scope="row" class="num"><a href="/runs/(\d+)">', page.text) == [str(asked["both"])]
    assert "sqlalchemy-2.1 serializable" in text(page)


def test_a_list_is_sorted_by_the_heads_of_its_columns(client: FlaskClient, store: Store) -> None:
    made_up(store, 60)

    def column(sort: str, place: int) -> list[str]:
        rows = re.findall(r"<tr>\s*<td.*?</tr>", client.get(f"/runs?sort={sort}").text, re.DOTALL)
        return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)[place] for row in rows]

    assert column("steps", 5) == sorted(column("steps", 5), key=int)
    assert column("-steps", 5) == sorted(column("-steps", 5), key=int, reverse=True)
    assert column("-took", 8)[:6] == ["10 s"] * 5 + ["9.0 s"]
    assert column("stack", 3) == ["sqlalchemy-1.4.42"] * 30 + ["sqlalchemy-2.1"] * 20
    page = client.get("/runs?sort=steps&outcome=ok")
    assert 'aria-sort="ascending"' in page.text
    assert 'href="/runs?outcome=ok&amp;sort=-steps"' in page.text
    assert client.get("/runs?sort=password").status_code == 400


def test_filters_live_in_the_address_and_say_what_they_would_show(client: FlaskClient, store: Store) -> None:
    mine = ended_run(store)
    store.create_run("shared_session", "sequential", "sqlalchemy-2.1", "natural")
    page = client.get("/runs?program=broken&outcome=error&search=twophase")
    assert "Showing 1 of 1 run that match" in page.text
    assert f'href="/runs/{mine}"' in page.text
    assert '<option value="error" selected>error (1)</option>' in page.text
    assert "No run matches." in client.get("/runs?search=100%25+sure").text
    assert client.get("/runs?page=x").status_code == 400


def test_an_empty_list_says_what_to_do_next(client: FlaskClient) -> None:
    assert "No run yet. Choose an incident and press Run scenario" in text(client.get("/runs"))


def listed_incidents(answer: TestResponse) -> list[str]:
    return re.findall(r'<tbody id="incident-(\w+)">', answer.text)


def test_incidents_are_a_list_too(client: FlaskClient, store: Store) -> None:
    made_up(store, 9)
    page = client.get("/incidents?sort=-runs")
    first = listed_incidents(page)
    assert first[:2] == ["shared_session", "lost_update"]
    assert 'href="/runs?incident=shared_session" aria-label="6 runs of One session, three tasks"' in page.text
    for seen in ("This session is provisioning a new connection", "deadlock", "one session, three tasks"):
        guide = client.get("/", query_string={"q": seen})
        found = client.get("/incidents", query_string={"search": seen})
        assert re.findall(r'<tbody id="guide-(\w+)">', guide.text) == listed_incidents(found)  # the best first
        assert f"Showing {len(listed_incidents(found))} of" in found.text
        assert 0 < len(listed_incidents(found)) < len(first)
    assert "No incident matches." in client.get("/incidents?search=no+such+thing+anywhere+zzz").text


def test_incidents_are_filtered_by_family_and_by_what_they_show(client: FlaskClient) -> None:
    every = set(listed_incidents(client.get("/incidents")))
    silent = client.get("/incidents?ends=silent")
    assert {"lost_update", "torn_commit"} <= set(listed_incidents(silent)) < every
    number = len(listed_incidents(silent))
    assert f'<option value="silent" selected>silent failure ({number})</option>' in silent.text
    family = html.unescape(re.findall(r'<option value="([^"]+)">', silent.text)[0])
    both = client.get("/incidents", query_string={"ends": "silent", "family": family})
    assert 0 < len(listed_incidents(both)) < number
    assert f" selected>{html.escape(family)} ({len(listed_incidents(both))})</option>" in both.text


def test_each_program_of_an_incident_tells_how_it_ends_on_each_stack(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    for address, name in (("/", "guide"), ("/incidents", "incident")):
        body = re.search(rf'<tbody id="{name}-shared_session">.*?</tbody>', client.get(address).text, re.DOTALL)
        assert body
        rows = [
            " ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", body[0], re.DOTALL)
        ]
        programs = [row for row in rows if re.search(r"\b(broken|fix|probe)\b", row)]
        assert len(programs) == len(rows) == 5
        assert f"broken ✕ error ✓ run {run_id} , as declared AttributeError ✕ error InvalidRequestError" in rows[0]
        assert re.match("session_per_task fix ✓ ok ✓ ok ✓ ok", programs[3])
    with store.transaction() as tx:  # it had another order, and got away
        tx.exec_driver_sql("update run set expected = null, outcome = 'ok'")
    assert f"broken ✕ error run {run_id}: ok AttributeError" in text(client.get("/incidents"))
    assert "2.0.51 ‼ silent failure" in text(client.get("/?q=scrambled_returning"))  # a stack without a column


def test_stacks_are_filtered_by_what_they_hold_and_how_they_are(client: FlaskClient) -> None:
    page = client.get("/stacks?search=1.4.42")
    assert "Showing 1 of 5 stacks" in page.text
    assert 'id="sqlalchemy-1.4.42"' in page.text
    assert '<option value="ready">ready (1)</option>' in client.get("/stacks").text
    assert "Showing 4 of 5 stacks" in client.get("/stacks?state=missing").text
    assert "see all stacks" in client.get("/stacks?search=django").text


def test_several_stacks_are_installed_at_once(client: FlaskClient, store: Store) -> None:
    page = client.get("/stacks?search=2.0.5")
    names = re.findall(r'name="stack" value="([^"]*)"', page.text)
    assert len(names) > 1
    assert f"Install these {len(names)}" in page.text
    for _ in range(2):  # asking twice installs once
        assert client.post("/stacks/install", data={"stack": names}, headers=FORM).location == "/stacks"
    assert {one.name: one.state for one in store.stacks()} == dict.fromkeys(names, "queued")
    assert "Install these" not in client.get("/stacks?search=2.0.5").text
    assert client.post("/stacks/install", data={"stack": "none"}, headers=FORM).status_code == 404
    assert "Install these" not in client.get("/stacks?search=1.4").text  # one has a button of its own


# Many at once


def test_deleting_asks_first_and_says_exactly_what_goes(client: FlaskClient, store: Store) -> None:
    first, second, third = ended_run(store), ended_run(store), ended_run(store)
    child = ended_run(store, parent=first)
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    asked = client.get(f"/runs/selected?action=delete&run={first}&run={second}&run={live}")
    said = text(asked)
    assert "Delete 2 runs?" in said
    export = html.unescape(re.findall(r'href="([^"]*action=download[^"]*)"', asked.text)[0])
    with zipfile.ZipFile(io.BytesIO(client.get(export).data)) as archive:
        assert len(archive.namelist()) == 3
    assert "2 runs with 4 steps" in said
    assert (
        f"1 run that stays loses its parent : {child}" in said or f"1 run that stays loses its parent: {child}" in said
    )
    assert f"is not cleared yet: {live}" in said
    assert store.run(first) is not None
    form = dict(re.findall(r'name="(mark)" value="([^"]*)"', asked.text))
    answer = client.post("/runs/delete", data={**form, "run": [first, second, live]}, headers=FORM)
    assert (answer.status_code, answer.location) == (303, "/runs")
    assert [store.run(one) is None for one in (first, second, third, live)] == [True, True, False, False]
    assert client.get("/runs/delete").status_code in (404, 405)


def test_all_that_match_are_deleted_only_as_they_were_shown(client: FlaskClient, store: Store) -> None:
    made_up(store, 213)
    asked = client.get("/runs/selected?action=delete&all=1&incident=lost_update&run=1")
    assert "Delete 71 runs?" in asked.text
    form = {"all": "1", "incident": "lost_update", "mark": re.findall(r'name="mark" value="([^"]*)"', asked.text)[0]}
    with store.transaction() as tx:
        tx.exec_driver_sql(
            "insert into run (incident, program, stack, mode, schedule, title, actor, status, steps, litter)"
            " values ('lost_update', 'broken', '', 'replay', '', '', '', 'ended', 0, false)"
        )
    again = client.post("/runs/delete", data=form, headers=FORM)
    assert again.status_code == 409
    assert "Nothing was deleted: meanwhile other runs are chosen" in again.text
    assert "Delete 72 runs?" in again.text
    form["mark"] = re.findall(r'name="mark" value="([^"]*)"', again.text)[0]
    answer = client.post("/runs/delete", data=form, headers=FORM)
    assert answer.location == "/runs?incident=lost_update"
    assert store.listed(RunFilter(), limit=1).total == 142


def test_an_export_holds_each_journal_as_its_run_page_gives_it(client: FlaskClient, store: Store) -> None:
    ids = [ended_run(store) for _ in range(3)]
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    chosen = "&".join(f"run={one}" for one in (*ids[:2], live))
    asked = client.get(f"/runs/selected?action=export&{chosen}&outcome=error")
    said = text(asked)
    assert "Export 3 runs?" in said
    assert "4 steps" in said
    assert f"1 of them is still going on, and its journal ends where it is now: {live}" in said
    assert 'href="/runs?outcome=error"' in asked.text  # back
    download = html.unescape(re.findall(r'href="([^"]*)" download', asked.text)[0])
    with zipfile.ZipFile(io.BytesIO(client.get(download).data)) as archive:
        assert len(archive.namelist()) == 3
    answer = client.get("/runs/selected?action=download&" + "&".join(f"run={one}" for one in ids[:2]))
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [f"interlock-run-{one}.jsonl" for one in ids[:2]]
        for one in ids[:2]:
            written = archive.read(f"interlock-run-{one}.jsonl")
            assert written == client.get(f"/runs/{one}/journal.jsonl").data
            assert journal.load(written.decode().splitlines()[0]) == sample.HEADER


def test_an_export_has_a_bound(client: FlaskClient, store: Store) -> None:
    made_up(store, 501)
    asked = client.get("/runs/selected?action=export&all=1")
    assert "Export 501 runs?" in asked.text
    assert "Up to 500 runs go into one archive" in asked.text
    assert "download" not in asked.text
    answer = client.get("/runs/selected?action=download&all=1")
    assert answer.status_code == 400
    assert "Up to 500 runs go into one archive" in answer.text


def test_two_are_compared_the_older_first(client: FlaskClient, store: Store) -> None:
    first, second, third = ended_run(store), ended_run(store), ended_run(store)
    assert (
        client.get(f"/runs/selected?action=compare&run={second}&run={first}").location
        == f"/compare?a={first}&b={second}"
    )
    for ids in ([first], [first, second, third]):
        answer = client.get("/runs/selected?action=compare&" + "&".join(f"run={one}" for one in ids))
        assert answer.status_code == 400
        assert "choose exactly two" in answer.text
    assert "No run is chosen" in client.get("/runs/selected?action=delete").text


def test_runs_are_had_again_under_the_schedule_that_was_carried_out(client: FlaskClient, store: Store) -> None:
    first, second = ended_run(store, "session_per_task"), ended_run(store)
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set stack = 'sqlalchemy-2.1'")
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    refused = client.post("/runs/again", data={"run": [first, live]}, headers=FORM)
    assert refused.status_code == 409
    assert f"Run {live} cannot be had again" in refused.text
    assert store.listed(RunFilter(), limit=1).total == 3  # none of them began
    answer = client.post("/runs/again", data={"run": [first, second]}, headers=FORM)
    assert (answer.status_code, answer.location) == (303, "/runs")
    made = store.listed(RunFilter(mode="replay"), limit=5).rows
    assert [(one.program, one.schedule, one.status) for one in made] == [
        ("broken", sample.END.schedule, "queued"),
        ("session_per_task", sample.END.schedule, "queued"),
    ]
    one = client.post("/runs/again", data={"run": [first]}, headers=FORM)
    assert one.location == f"/runs/{made[0].id + 1}"
    assert f"started run {made[0].id}" in text(client.get("/history"))


def test_a_run_of_what_is_not_here_is_not_had_again(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)  # on a stack that is not installed
    answer = client.post("/runs/again", data={"run": run_id}, headers=FORM)
    assert answer.status_code == 409
    assert "The stack sqlalchemy-1.4.42 is not installed" in answer.text
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set incident = 'elsewhere'")
    answer = client.post("/runs/again", data={"run": run_id}, headers=FORM)
    assert "Its program or its stack is not known to this dashboard" in answer.text


def test_pinned_runs_are_marked_and_pinning_leads_back_to_the_list(client: FlaskClient, store: Store) -> None:
    run_id = ended_run(store)
    answer = client.post("/runs/pin", data={"action": "pin", "run": run_id, "outcome": "error"}, headers=FORM)
    assert answer.location == "/runs?outcome=error"
    assert "Retention does not delete it" in client.get("/runs").text
    client.post("/runs/pin", data={"action": "unpin", "run": run_id}, headers=FORM)
    assert "Retention does not delete it" not in client.get("/runs").text


# Retention and history


def test_retention_shows_what_would_go_before_it_goes(client: FlaskClient, store: Store) -> None:
    made_up(store, 120)
    assert "In force now: all runs are kept" in text(client.get("/runs/retention"))
    preview = client.get("/runs/retention?runs=20")
    assert "would go : 100 runs" in text(preview) or "would go: 100 runs" in text(preview)
    assert 'id="apply"' not in preview.text  # it is not in force
    assert store.listed(RunFilter(), limit=1).total == 120
    assert client.post("/runs/retention", data={"days": "", "runs": "20"}, headers=FORM).status_code == 303
    page = client.get("/runs/retention")
    assert "kept: the newest 20 runs" in page.text
    mark = re.findall(r'name="mark" value="([^"]*)"', page.text)[0]
    store.pin([store.selected(Selection(filter=RunFilter()), 200)[-1]], "", on=True)
    again = client.post("/runs/retention/apply", data={"mark": mark}, headers=FORM)
    assert again.status_code == 409
    mark = re.findall(r'name="mark" value="([^"]*)"', again.text)[0]
    client.post("/runs/retention/apply", data={"mark": mark}, headers=FORM)
    assert store.listed(RunFilter(), limit=1).total == 21
    assert "99 of them" in text(client.get("/history?action=delete"))
    assert client.post("/runs/retention", data={"days": "0"}, headers=FORM).status_code == 400


def test_the_history_tells_who_did_what_and_leads_there(client: FlaskClient, store: Store) -> None:
    assert "Nothing was done yet." in client.get("/history").text
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step", actor="ann")
    store.command(run_id, "stop", actor="bob")
    client.post("/stacks/sqlalchemy-2.0/install", headers=FORM)
    said = text(client.get("/history"))
    assert f"ann started run {run_id}" in said
    assert f"bob stopped run {run_id}" in said
    assert "installed stack sqlalchemy-2.0" in said
    assert "Showing 1 of 1 entry that match" in client.get("/history?actor=bob").text
    assert "Showing 2 of 2 entries" in client.get(f"/history?object=run:{run_id}").text
    assert "Showing 1 of 1 entry" in client.get("/history?search=shared_session").text
    assert f'href="/history?object=run:{run_id}"' in client.get(f"/runs/{run_id}").text


def test_history_pages_say_how_many(client: FlaskClient, store: Store) -> None:
    for number in range(53):
        store.note("ann", "settings", "retention", f"change {number}")
    assert "Showing 50 of 53 entries" in client.get("/history").text
    assert "Showing 3 of 53 entries" in client.get("/history?page=2").text
    assert "Showing 3 of 53 entries" in client.get("/history?page=9").text  # beyond the last one
    following = html.unescape(re.findall(r'href="([^"]*)" rel="next"', client.get("/history").text)[0])
    store.note("ann", "settings", "retention", "change 53")
    second = client.get(following)
    assert [f"change {number}<" in second.text for number in (0, 1, 2, 3)] == [True, True, True, False]
    assert "change 53<" in client.get("/history").text
