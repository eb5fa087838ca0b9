"""Bring a database to the schema of this program, and refuse one that is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from db import tables  # noqa: F401 - every table must be known before they are compared
from db.base import Base
from db.session import Database

FOLDER = Path(__file__).parent / "migrations"


class SchemaMismatch(Exception):
    """The database is not at the schema that this program needs; *kind* is empty, behind or ahead."""

    def __init__(self, kind: str, found: str | None, needed: str) -> None:
        self.kind, self.found, self.needed = kind, found, needed
        sentence = {
            "empty": f"The database has no tables yet (needs {needed}). Run: gconnect db upgrade",
            "behind": f"The database is at {found}, this program needs {needed}. Run: gconnect db upgrade",
            "ahead": f"The database is at {found}, which this program (at {needed}) does not know. "
            "Start a newer program, or restore a backup.",
        }[kind]
        super().__init__(sentence)


class DatabaseUnreachable(Exception):
    """No connection; the text says which database, without its password."""


def needed_revision() -> str:
    """Return the revision that this program's schema has."""
    head = _scripts().get_current_head()
    if head is None:
        raise RuntimeError(f"no migration found in {FOLDER}")
    return head


def current_revision(database: Database) -> str | None:
    """Return the revision that the database is at; None where it has no tables."""
    try:
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        where = database.engine.url.render_as_string(hide_password=True)
        raise DatabaseUnreachable(
            f"The database {where} does not answer. Check DATABASE_URL, and that the server runs."
        ) from error


def check(database: Database) -> None:
    """Raise SchemaMismatch unless the database is at the schema of this program."""
    found, needed = current_revision(database), needed_revision()
    if found == needed:
        return
    if found is None:
        raise SchemaMismatch("empty", None, needed)
    known = {script.revision for script in _scripts().walk_revisions()}
    raise SchemaMismatch("behind" if found in known else "ahead", found, needed)


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at *url* to *revision*; nothing happens to one that is there already."""
    _run(url, command.upgrade, revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Take the database at *url* back to *revision*; what later revisions kept is lost."""
    _run(url, command.downgrade, revision)


def differences(database: Database) -> list[Any]:
    """Return how the database differs from the models; empty where a migration has made them equal."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _run(url: str, action: Any, revision: str) -> None:
    database = Database.open(url)
    try:
        current = current_revision(database)
        if current is not None and current not in {script.revision for script in _scripts().walk_revisions()}:
            raise SchemaMismatch("ahead", current, needed_revision())
        config = _config()
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            action(config, revision)
    finally:
        database.close()
