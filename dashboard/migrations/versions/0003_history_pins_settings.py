"""Who did what, which runs are never deleted by themselves, and the settings that are changed on a page."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
create table history (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    object text not null,
    text text not null
);
create index history_object on history (object, action);

create function interlock_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'History is only ever added to.';
end $$;
create trigger history_append_only before update or delete on history
    for each statement execute function interlock_append_only();

create table pin (
    run_id bigint primary key references run on delete cascade,
    actor text not null,
    at timestamptz not null default now()
);

create table setting (
    name text primary key,
    value json not null
);
"""


def upgrade() -> None:
    op.execute(TABLES)
