"""How long runs are kept."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from dashboard.store import HistoryFilter
from dashboard.store import Retention
from dashboard.store import RunFilter
from dashboard.store import Selection
from dashboard.store import Store
from tests.web.given import FORM
from tests.web.given import many_runs
from tests.web.given import text


def test_retention_keeps_what_is_pinned_new_or_alive(store: Store) -> None:
    many_runs(store, 30)
    oldest = store.selected(Selection(filter=RunFilter()), 30)[0]  # the newest id was made up as the oldest run
    by_age = sorted(store.selected(Selection(filter=RunFilter()), 30))
    with store.transaction() as tx:
        tx.exec_driver_sql("update run set ended = now() - interval '8 days' where seed > 20")
    live = store.create_run("shared_session", "broken", "sqlalchemy-2.1", "step")
    store.pin([oldest], "ann", on=True)
    assert store.retain("") == 0  # off by default
    assert store.preview_deletion(Selection(retention=Retention(days=7))).runs == 9
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


def test_retention_shows_what_would_go_before_it_goes(client: FlaskClient, store: Store) -> None:
    many_runs(store, 120)
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
