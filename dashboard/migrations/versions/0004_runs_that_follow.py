"""A run may follow a schedule as far as it goes: one more mode."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

MODE = """
alter table run drop constraint run_mode_check,
    add constraint run_mode_check check (mode in ('step', 'replay', 'follow', 'random', 'natural'));
"""


def upgrade() -> None:
    op.execute(MODE)
