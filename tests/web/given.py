"""What tests of the pages begin with: runs that were made up, who asks, and what an answer says."""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from werkzeug.test import TestResponse

from dashboard.gallery import sample
from dashboard.store import Store
from dashboard.store.tables import RUN_CHANNEL
from interlock.frame import End

WORKER = 4711
HX = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
FORM = {"Sec-Fetch-Site": "same-origin"}
JSON = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}


def waiting_run(store: Store, steps: int = 1) -> int:
    """A live run in step mode that waits for a person after so many steps."""
    run_id = store.create_run("shared_session", "broken", "sqlalchemy-1.4.42", "step")
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, sample.HEADER)
    for step in sample.STEPS[:steps]:
        store.add_step(run_id, step, status="waiting")
    return run_id


def ended_run(store: Store, end: End = sample.END) -> int:
    run_id = waiting_run(store, steps=3)
    store.finish(run_id, end, True)
    return run_id


def recorded(store: Store, stack: str = "sqlalchemy-2.1", mode: str = "step", incident: str = "shared_session") -> int:
    """A run that is over, with the steps of the gallery's sample."""
    run_id = store.create_run(incident, "broken", stack, mode)
    assert store.claim(run_id, WORKER)
    store.set_header(run_id, sample.HEADER)
    store.add_steps(run_id, sample.STEPS)
    store.finish(run_id, sample.END, True)
    return run_id


def heard(store: Store, run_id: int) -> None:
    """Wait until this process has heard of all that was written of a run: a poll may come before the announcement."""
    newest, channel = store.rev(run_id), (RUN_CHANNEL, str(run_id))
    known = store.wait_until(channel, 10, lambda: store.announced_rev(run_id), lambda rev: rev >= newest)
    assert known >= newest


def text(answer: TestResponse) -> str:
    """What a reader sees of it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def attribute(answer: TestResponse, element: str, name: str) -> str | None:
    """An attribute of the element with this id."""
    found = re.search(rf'<[^>]*\bid="{element}"[^>]*>', answer.text)
    assert found, f"no #{element}"
    value = re.search(rf'\s{name}="([^"]*)"', found.group())
    return value and value.group(1).replace("&amp;", "&")


def answer_commands(store: Store, run_id: int, act: Callable[[list[int]], object]) -> threading.Thread:
    """A worker that answers the next command."""

    def wait_and_act() -> None:
        deadline = time.monotonic() + 5
        while not (commands := store.open_commands(run_id)) and time.monotonic() < deadline:
            time.sleep(0.01)
        act([one.id for one in commands])

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def tidied_run(store: Store, program: str = "broken", parent: int | None = None) -> int:
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


def many_runs(store: Store, number: int) -> None:
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
