"""What alembic runs: `migrations.upgrade` hands over the connection and owns the transaction."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
