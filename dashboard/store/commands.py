"""What people ask of a run: rows that a worker answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from dashboard.store.changes import end_run
from dashboard.store.changes import settle
from dashboard.store.changes import tell_family
from dashboard.store.errors import CommandRefused
from dashboard.store.errors import UnknownRun
from dashboard.store.history import note
from dashboard.store.records import Command
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import ANSWER_CHANNEL
from dashboard.store.tables import OVER
from dashboard.store.tables import command as command_table
from dashboard.store.tables import run as run_table
from interlock.frame import End

KINDS = ("advance", "play", "pause", "finish", "stop")
WITHDRAWN = End("stopped", signature="", summary="It was taken back before it began.", schedule="", steps=-1)
_COMMAND = [command_table.c[f.name] for f in fields(Command)]


class Commands(Server):
    def command(self, run_id: int, kind: str, payload: Mapping[str, Any] | None = None, *, actor: str = "") -> int:
        """Ask something of a run: `advance` {token, at}, `play` {speed}, `pause`, `finish`, `stop`.

        The answer is in `settled()`. Raises `UnknownRun`, and `CommandRefused` if the run is over.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no command; there are {', '.join(KINDS)}.")
        values = {"run_id": run_id, "kind": kind, "payload": dict(payload or {}), "actor": clean(actor)}
        with self.passing() as tx:
            # Locked against `finish`, so that no command slips in after it and waits for ever.
            status = tx.scalar(sa.select(run_table.c.status).where(run_table.c.id == run_id).with_for_update())
            if status is None:
                raise UnknownRun(run_id)
            if status in OVER:
                raise CommandRefused("The run is over. Start it again, or step through what was recorded.")
            command_id: int = tx.scalars(sa.insert(command_table).values(values).returning(command_table.c.id)).one()
            # That somebody chooses is noted once; what they chose is in the journal.
            note(tx, actor, kind, f"run:{run_id}", once=kind == "advance")
            if kind == "stop" and status == "queued":  # no worker has it yet, so nobody else would answer
                settle(tx, [command_id])
                end_run(tx, run_id, WITHDRAWN)
        with self.passing() as tx:
            if kind == "stop" and status == "queued":
                tell_family(tx, run_id)
        return command_id

    def settled(self, command_id: int, timeout: float) -> Command:
        """Block until the command is carried out or refused, or for `timeout` seconds (`done` is None then)."""
        channel = (ANSWER_CHANNEL, str(command_id))
        return self.wait_until(channel, timeout, lambda: self._command(command_id), lambda now: now.done is not None)

    def _command(self, command_id: int) -> Command:
        with self.reading() as tx:
            row = tx.execute(sa.select(*_COMMAND).where(command_table.c.id == command_id)).mappings().one()
        return Command(**row)

    def open_commands(self, run_id: int) -> list[Command]:
        """Commands nobody has answered yet, oldest first."""
        unanswered = sa.and_(command_table.c.run_id == run_id, command_table.c.done.is_(None))
        with self.reading() as tx:
            rows = tx.execute(sa.select(*_COMMAND).where(unanswered).order_by(command_table.c.id)).mappings()
            return [Command(**row) for row in rows]

    def settle(self, command_id: int, error: str | None = None) -> None:
        """Answer a command: carried out, or refused for a reason."""
        with self.passing() as tx:
            settle(tx, [command_id], error)
