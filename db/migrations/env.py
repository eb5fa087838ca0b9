"""Alembic's entry: the connection is handed in by db/migration.py, which is the only caller."""

from alembic import context

from db import tables  # noqa: F401 - every table must be known before they are compared
from db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
