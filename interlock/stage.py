"""A run's own place in the lab: its schema with the data that the incident prepares."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from interlock import lab

# Whatever is written anywhere in the server moves the log on, but for numbers that a sequence has set aside.
STATE_SQL = """
select pg_current_wal_insert_lsn(),
       (select string_agg(coalesce(last_value::text, ''), ',' order by sequencename)
          from pg_sequences where schemaname = {schema})
"""


# What the run before this one has prepared on this connection; the question for the activity is the same for all.
LEFT_SQL = "select format('deallocate %I', name) from pg_catalog.pg_prepared_statements where name <> 'activity'"

# Programs at work are no superusers, who are above row security and permissions, and can change the whole server. One
# role is enough: what keeps runs apart is their schemas.
PROGRAM = "interlock_program"
READY_SQL = f"""
select from pg_roles where rolname = '{PROGRAM}' and has_database_privilege(oid, current_database(), 'create')
"""
PROGRAM_SQL = f"""
do $program$
begin
  begin
    create role {PROGRAM} login password {{password}};
    grant set on parameter deadlock_timeout to {PROGRAM};
  exception when duplicate_object or unique_violation then null;  -- for another database, or by another run
  end;
  execute format('grant create on database %I to {PROGRAM}', current_database());
exception when internal_error then null;  -- "tuple concurrently updated": another run has just granted it
end
$program$
"""

PREPARED_SQL = "select gid from pg_catalog.pg_prepared_xacts where starts_with(gid, {prefix})"

# Of the server's one list of prepared transactions a run sees its own, by the names that it gave them.
PREPARED_VIEW = """
create view pg_prepared_xacts as
select transaction, substr(gid, length({prefix}) + 1) as gid, prepared, owner, database
  from pg_catalog.pg_prepared_xacts
 where starts_with(gid, {prefix})
"""


# What all runs in the lab share and a program may change, and how many there are of what has no name. A run's own
# schema is known by the view of its prepared transactions.
SHARED_SQL = """
select what, count(*) from (
  select 'publication ' || pubname from pg_publication
  union all select 'a large object' from pg_largeobject_metadata
  union all select 'relation public.' || relname from pg_class
             where oid >= 16384 and relnamespace = to_regnamespace('public')
  union all select 'function public.' || proname from pg_proc
             where oid >= 16384 and pronamespace = to_regnamespace('public')
  union all select 'type public.' || typname from pg_type
             where oid >= 16384 and typnamespace = to_regnamespace('public') and typtype in ('e', 'd')
  union all select 'schema ' || nspname from pg_namespace as one
             where oid >= 16384 and nspname !~ '^pg_' and not exists
                   (select from pg_class where relnamespace = one.oid and relname = 'pg_prepared_xacts')
  union all select concat_ws(' ', 'setting', setting, 'of database ' || datname, 'of role ' || rolname)
              from pg_db_role_setting left join pg_database on pg_database.oid = setdatabase
                   left join pg_roles on pg_roles.oid = setrole, unnest(setconfig) as setting
) as shared (what) group by what order by what
"""


class SetupFailed(Exception):
    """The SQL that prepares an incident's data failed; the text is the server's."""


def for_program(control: lab.Lab, where: lab.Address) -> lab.Address:
    """Where the program's connections lead to, and as whom."""
    return replace(where, user=PROGRAM) if control.is_superuser else where


class Stage:
    """One schema of the lab, and the engine's own connection that looks after it."""

    def __init__(self, where: lab.Address, schema: str, setup: str) -> None:
        self._where = where
        self._schema = schema
        self._setup = setup
        self._clean: Optional[lab.Row] = None  # the state of the lab right after the last reset
        self._shared: dict[str, int] = {}  # what there was beside the schema when somebody looked first
        self.control: Optional[lab.Lab] = None

    def open(self) -> lab.Lab:
        """Connect, anew if need be. Raises `lab.LabError`."""
        if self.control is not None:
            self.control.close()
        self.control = lab.Lab(self._where, f"interlock:{self._schema}:control", lab.QUICK)
        if self.control.is_superuser and not self.control.query(READY_SQL):
            self.control.query(PROGRAM_SQL.format(password=lab.literal(self._where.password or None)))
        return self.control

    def reset(self) -> None:
        """Make the schema as the incident wants it; does nothing if nothing has been written since the last time.

        Raises `SetupFailed`, `lab.LabError`.
        """
        control = self.control or self.open()
        name = lab.identifier(self._schema)
        for (forget,) in control.query(f"reset all; set search_path to {lab.search_path(self._schema)}; {LEFT_SQL}"):
            control.query(forget or "")
        if self._clean is not None and self._clean == self._state(control):
            return
        prefix = lab.literal(lab.gid_prefix(self._schema))
        for (gid,) in control.query(PREPARED_SQL.format(prefix=prefix)):
            control.query(f"rollback prepared {lab.literal(gid)}")
        control.query(f"drop schema if exists {name} cascade")
        owner = PROGRAM if control.is_superuser else "current_user"
        view = _as_program(control, PREPARED_VIEW.format(prefix=prefix))
        control.query(f"create schema {name} authorization {owner}; {view}")  # at once: see SHARED_SQL
        if self._setup.strip():
            try:
                control.query(_as_program(control, self._setup))
            except lab.LabError as error:
                raise SetupFailed(f"The incident’s set-up (schema.sql) failed: {error}") from error
        self._clean = self._state(control)

    def _state(self, control: lab.Lab) -> lab.Row:
        return control.query(STATE_SQL.format(schema=lab.literal(self._schema)))[0]

    def look_around(self) -> None:
        """Remember what there is beside the run's own schema. Raises `lab.LabError`."""
        self._shared = self._all_shared()

    def left_around(self) -> list[str]:
        """What is another than then, in words: nobody clears it away. Raises `lab.LabError`."""
        before, now = self._shared, self._all_shared()
        new = [what for what, count in now.items() if count > before.get(what, 0)]
        return new + [f"no more {what}" for what, count in before.items() if count > now.get(what, 0)]

    def _all_shared(self) -> dict[str, int]:
        control = self.control or self.open()
        return {what or "": int(count or 0) for what, count in control.query(SHARED_SQL)}


def _as_program(control: lab.Lab, sql: str) -> str:
    """So that what is made is the program's own."""
    return f"set role {PROGRAM}; {sql}\n; reset role" if control.is_superuser else sql
