"""Brings the store up to date: our tables through alembic, the job queue's through Procrastinate's own scripts.

A change of our tables is a new file in `versions/`, with the next number as its name and its revision.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy import text

HERE = Path(__file__).parent
HEAD = max(path.name[:4] for path in (HERE / "versions").glob("[0-9]*.py"))
"""Revisions are numbered, so the newest one is known without importing alembic, which costs more than all else here."""

LOCK = 0x696E7465726C6F63  # "interloc": two processes that start together migrate one after the other


def upgrade(connection: Connection) -> None:
    """Bring the store to the newest schema, in the caller's transaction. Costs two queries when it is there already."""
    if _current(connection) == HEAD and _queue_version(connection) == version("procrastinate"):
        return
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
    _upgrade_tables(connection)
    _upgrade_queue(connection)


def _current(connection: Connection) -> str | None:
    if connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return None
    found: str | None = connection.scalar(text("select version_num from alembic_version"))
    return found


def _upgrade_tables(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _queue_version(connection: Connection) -> str | None:
    """The Procrastinate whose schema the store has: we note it as the comment of its main table."""
    found: str | None = connection.scalar(text("select obj_description(to_regclass('procrastinate_jobs'))"))
    return found


def _upgrade_queue(connection: Connection) -> None:
    from procrastinate.schema import SchemaManager

    installed, present = version("procrastinate"), _queue_version(connection)
    if present is None:
        scripts = [SchemaManager.get_schema()]
    else:
        paths = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
        scripts = [path.read_text() for path in paths if _numbers(path.name) > _numbers(present)]
    for script in scripts:
        # Straight to the driver, without parameters: several statements at once, and a % in them is only a %.
        connection.connection.cursor().execute(script)
    connection.exec_driver_sql(f"comment on table procrastinate_jobs is '{installed}'")


def _numbers(version_text: str) -> tuple[int, ...]:
    """The first three numbers of a version or of a script's name.

    >>> _numbers("3.10.0"), _numbers("03.04.00_01_pre_add_retry.sql")
    ((3, 10, 0), (3, 4, 0))
    """
    return tuple(int(number) for number in re.findall(r"\d+", version_text)[:3])
