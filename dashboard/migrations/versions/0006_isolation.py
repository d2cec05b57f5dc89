"""The strictest isolation that a run asked for, to filter by; of the runs there are already, out of their steps."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

COLUMN = "alter table run add isolation text check (isolation in ('repeatable read', 'serializable'))"
KNOWN = r"""
update run set isolation = asked.isolation
from (
    select run_id, max(lower(found[2])) as isolation
    from step, regexp_matches(
        body::text,
        '"[^":]* on \w+: (BEGIN|START TRANSACTION|SET)\y[^"]*\yISOLATION LEVEL (REPEATABLE READ|SERIALIZABLE)',
        'gi'
    ) as found
    group by run_id
) as asked
where asked.run_id = run.id
"""


def upgrade() -> None:
    op.execute(COLUMN)
    op.execute(KNOWN)
