"""A run's own place in the lab: its schema with the data that the incident prepares."""

from __future__ import annotations

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

PREPARED_SQL = "select gid from pg_catalog.pg_prepared_xacts where starts_with(gid, {prefix})"

# Of the server's one list of prepared transactions a run sees its own, by the names that it gave them.
PREPARED_VIEW = """
create view pg_prepared_xacts as
select transaction, substr(gid, length({prefix}) + 1) as gid, prepared, owner, database
  from pg_catalog.pg_prepared_xacts
 where starts_with(gid, {prefix})
"""


class SetupFailed(Exception):
    """The SQL that prepares an incident's data failed; the text is the server's."""


class Stage:
    """One schema of the lab, and the engine's own connection that looks after it."""

    def __init__(self, where: lab.Address, schema: str, setup: str) -> None:
        self._where = where
        self._schema = schema
        self._setup = setup
        self._clean: Optional[lab.Row] = None  # the state of the lab right after the last reset
        self.control: Optional[lab.Lab] = None

    def open(self) -> lab.Lab:
        """Connect, anew if need be. Raises `lab.LabError`."""
        if self.control is not None:
            self.control.close()
        self.control = lab.Lab(self._where, f"interlock:{self._schema}:control", lab.QUICK)
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
        control.query(f"drop schema if exists {name} cascade; create schema {name}")
        control.query(PREPARED_VIEW.format(prefix=prefix))
        if self._setup.strip():
            try:
                control.query(self._setup)
            except lab.LabError as error:
                raise SetupFailed(f"The incident’s set-up (schema.sql) failed: {error}") from error
        self._clean = self._state(control)

    def _state(self, control: lab.Lab) -> lab.Row:
        return control.query(STATE_SQL.format(schema=lab.literal(self._schema)))[0]
