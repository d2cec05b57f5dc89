"""Lists, sizes, ages, addresses: what the management pages say of plain values."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime

import pytest

from dashboard.presenters import listing
from dashboard.presenters import servers
from dashboard.presenters import waits
from dashboard.presenters import words
from dashboard.presenters.activity import MOST
from dashboard.presenters.activity import ActivityFilter
from dashboard.presenters.activity import live
from dashboard.servers.watch import Facts
from dashboard.servers.watch import Session
from dashboard.servers.watch import Snapshot
from dashboard.store.deletion import ranges

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def session(
    pid: int, state: str = "idle", query: str = "", blocked_by: tuple[int, ...] = (), name: str = ""
) -> Session:
    wait = ("Lock", "tuple") if blocked_by else ("", "")
    kind = "client backend"
    return Session(pid, f"b{pid}", kind, "d", "r", name, "", state, *wait, 1.0, None, query, blocked_by, False)


@pytest.mark.parametrize(
    ("number", "total", "shown", "links"),
    [
        (1, 0, 0, []),
        (1, 50, 50, []),
        (1, 51, 50, [1, 2]),
        (2, 51, 1, [1, 2]),
        (6, 600, 50, [1, None, 4, 5, 6, 7, 8, None, 12]),
        (12, 600, 50, [1, None, 10, 11, 12]),
    ],
)
def test_pages_link_to_the_ends_and_around(number: int, total: int, shown: int, links: list[int | None]) -> None:
    pages = listing.pages(number, total, "/runs", {"sort": "steps"})
    assert pages.shown == shown
    assert [link.number for link in pages.links] == links
    assert (pages.previous is None) == (number == 1)
    assert all(not link.url or link.url.startswith("/runs?sort=steps") for link in pages.links)


def test_a_facet_keeps_what_is_chosen_though_nothing_matches() -> None:
    facet = listing.facet(
        "outcome", "Outcome", {"ok": 3, "odd": 1}, "error", {"ok": "ok", "error": "error", "hang": "hang"}
    )
    assert [(one.label, one.chosen) for one in facet.options] == [
        ("ok (3)", False),
        ("error (0)", True),
        ("odd (1)", False),
    ]


def test_addresses_leave_out_what_is_empty() -> None:
    assert listing.address("/runs", {"a": "1", "b": None, "c": ""}, a=None) == "/runs"
    assert listing.address("/runs", {"search": "a&b"}, page=2) == "/runs?search=a%26b&page=2"


def test_numbers_that_follow_one_another_are_drawn_together() -> None:
    assert list(ranges([])) == []
    assert list(ranges([1, 2, 3, 7, 9, 10])) == ["1–3", "7", "9–10"]


def test_sizes() -> None:
    assert [words.size(one) for one in (0, 812, 4096, 12_582_912, 5e9)] == ["0 B", "812 B", "4.0 kB", "12 MB", "4.7 GB"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:secret@db.example:5433/shop?password=secret", "db.example:5433, database shop"),
        ("postgresql://u@/postgres?host=/tmp/sockets&port=5432", "socket /tmp/sockets, database postgres"),
        ("postgresql://[::1]:5432/", "::1:5432"),
    ],
)
def test_where_a_server_is_without_who_enters(url: str, said: str) -> None:
    assert servers.place(url) == said


def test_settings_are_compared_in_one_unit() -> None:
    assert [servers.amount(one) for one in ("200ms", "1min", "4kB", "0", "-1", "on")] == [200, 60_000, 4096, 0, -1, -1]
    facts = Facts(
        "18", "d", "r", False, 1.0, 1, 1, 0, 0, 0, 200, {"deadlock_timeout": "2s", "wal_level": "replica"}, ()
    )
    assert [(one.name, one.right) for one in servers.card("lab", "postgresql://h/d", facts).settings] == [
        ("deadlock_timeout", False),
        ("wal_level", True),
    ]


def test_a_blocker_is_shown_whatever_the_filter_says_and_each_link_has_its_row() -> None:
    sessions = (
        session(1),
        session(2, "active", "wanted", (1, 0, 99)),
        session(3),
        session(4, name="interlock:run_7:control"),
    )
    shown = live(Snapshot(NOON, sessions), ActivityFilter(search="wanted"))
    assert [row.pid for row in shown.rows] == [1, 2]
    assert [(one.text, one.row) for one in shown.rows[1].blocked_by] == [
        ("1", "1-b1"),
        ("a prepared transaction", None),
        ("99 (gone)", None),
    ]
    assert shown.rows[0].blocks == 1
    assert shown.said == "2 of 3 sessions, 1 waits for a lock"
    assert shown.own == 1
    assert shown.alive.split() == ["1-b1", "2-b2", "3-b3", "4-b4"]


def test_a_crowd_of_sessions_is_cut_and_said_so() -> None:
    shown = live(Snapshot(NOON, tuple(session(pid) for pid in range(1, MOST + 21))), ActivityFilter())
    assert (len(shown.rows), shown.left_out) == (MOST, 20)


def test_a_wait_without_a_word_of_its_own_is_told_by_its_kind() -> None:
    assert waits.meaning("LWLock/SomethingNew") == "for a short internal lock of the server"
    assert waits.meaning("") == ""
