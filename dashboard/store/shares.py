"""Links that let others see a run and change nothing. Only hashes of their tokens are kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import fields
from datetime import UTC
from datetime import timedelta

import sqlalchemy as sa

from dashboard.store.errors import UnknownRun
from dashboard.store.history import note
from dashboard.store.records import Share
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import run as run_table
from dashboard.store.tables import share as share_table

_SHARE = [share_table.c[f.name] for f in fields(Share)]
LISTED = 50


class Shares(Server):
    def create_share(self, run_id: int, lasts: timedelta, *, actor: str = "") -> tuple[Share, str]:
        """A new link, and its token: this is the only moment at which anybody can see that."""
        token = secrets.token_urlsafe(24)
        values = {"run_id": run_id, "hash": _hash(token), "actor": clean(actor), "expires": sa.func.now() + lasts}
        with self.transaction() as tx:
            if tx.scalar(sa.select(run_table.c.id).where(run_table.c.id == run_id)) is None:
                raise UnknownRun(run_id)
            row = tx.execute(sa.insert(share_table).values(values).returning(*_SHARE)).mappings().one()
            note(
                tx,
                actor,
                "share",
                f"run:{run_id}",
                f"link {row['id']}, until {row['expires'].astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            )
        return Share(**row), token

    def share(self, token: str) -> Share | None:
        """The link with this token, be it open or not."""
        with self.reading() as tx:
            row = tx.execute(sa.select(*_SHARE).where(share_table.c.hash == _hash(token))).mappings().one_or_none()
        return Share(**row) if row else None

    def shares(self, run_id: int) -> list[Share]:
        """The links to a run, newest first, those that no longer open it too."""
        query = sa.select(*_SHARE).where(share_table.c.run_id == run_id).order_by(share_table.c.id.desc())
        with self.reading() as tx:
            return [Share(**row) for row in tx.execute(query.limit(LISTED)).mappings()]

    def revoke_share(self, run_id: int, share_id: int, *, actor: str = "") -> bool:
        """Close a link for ever; whether there is such a one."""
        mine = sa.and_(share_table.c.id == share_id, share_table.c.run_id == run_id)
        when = sa.func.coalesce(share_table.c.revoked, sa.func.now())
        with self.transaction() as tx:
            found = tx.execute(sa.update(share_table).where(mine).values(revoked=when)).rowcount == 1
            if found:
                note(tx, actor, "revoke", f"run:{run_id}", f"link {share_id}")
            return found


def _hash(token: str) -> str:
    """Enough for a token of 192 bits of chance: nobody can try them all."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
