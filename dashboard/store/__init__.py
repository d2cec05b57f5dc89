"""The store: runs and steps, commands, stacks, explorations, notes, share links. All that a page shows is here.

A step is committed before anybody hears of it, so whatever was once shown can be shown again. Every method opens its
own short transaction, may be called from any thread, and raises `StoreDown` when the server cannot be reached.
"""

from __future__ import annotations

from dashboard import migrations
from dashboard.store.commands import Commands
from dashboard.store.custody import Custody
from dashboard.store.deletion import Deletion
from dashboard.store.deletion import DeletionPreview
from dashboard.store.deletion import ExportSize
from dashboard.store.deletion import Retention
from dashboard.store.deletion import Selection
from dashboard.store.deletion import SelectionChanged
from dashboard.store.errors import CommandRefused
from dashboard.store.errors import RunGone
from dashboard.store.errors import StoreDown
from dashboard.store.errors import UnknownRun
from dashboard.store.explorations import Explorations
from dashboard.store.history import History
from dashboard.store.history import HistoryEntry
from dashboard.store.history import HistoryFilter
from dashboard.store.imports import Imports
from dashboard.store.notes import Notes
from dashboard.store.presence import Presence
from dashboard.store.records import Audience
from dashboard.store.records import Caption
from dashboard.store.records import Command
from dashboard.store.records import ExplorationRow
from dashboard.store.records import Note
from dashboard.store.records import RunFilter
from dashboard.store.records import RunPage
from dashboard.store.records import RunRecord
from dashboard.store.records import RunRow
from dashboard.store.records import Share
from dashboard.store.records import StackRow
from dashboard.store.records import Watcher
from dashboard.store.runlist import Listed
from dashboard.store.runlist import RunLists
from dashboard.store.runs import failed
from dashboard.store.server import engine
from dashboard.store.server import reachable
from dashboard.store.shares import Shares
from dashboard.store.stacks import Stacks

__all__ = [
    "Audience",
    "Caption",
    "SelectionChanged",
    "Command",
    "CommandRefused",
    "Note",
    "HistoryEntry",
    "ExplorationRow",
    "HistoryFilter",
    "Listed",
    "ExportSize",
    "Retention",
    "RunFilter",
    "RunGone",
    "RunPage",
    "RunRecord",
    "RunRow",
    "Share",
    "Selection",
    "StackRow",
    "Store",
    "StoreDown",
    "UnknownRun",
    "Watcher",
    "DeletionPreview",
    "failed",
    "migrate",
]


class Store(Imports, RunLists, Deletion, Custody, Commands, Stacks, Explorations, Shares, Notes, Presence, History):
    """The one way to the store. Make one per process and share it; `close()` it in the end."""


def migrate(url: str) -> None:
    """Create the store's tables, or bring them up to date. Quick when there is nothing to do."""
    store = engine(url)
    try:
        with reachable(), store.begin() as connection:
            migrations.upgrade(connection)
    finally:
        store.dispose()
