"""gconnect db: a database from nothing to the schema of this program, and sentences for one that is elsewhere."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from db import migration
from db.session import Database
from tests.console.conftest import ON_SQLITE, Terminal


def set_revision(url: str, revision: str) -> None:
    database = Database.open(url)
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    database.close()


def test_an_empty_database_is_upgraded_without_an_encryption_key(terminal: Terminal, empty_database_url: str) -> None:
    terminal.set(DATABASE_URL=empty_database_url)
    assert terminal("db", "status").code == 1
    said = terminal("db", "upgrade")
    assert said.code == 0
    assert f"was brought from – to {migration.needed_revision()}" in said.out
    assert "is up to date" in terminal("db", "upgrade").out
    assert terminal("db", "status").code == 0


def test_the_status_as_json_names_the_kind(terminal: Terminal, empty_database_url: str) -> None:
    terminal.set(DATABASE_URL=empty_database_url)
    said = terminal("db", "status", "--json")
    assert (said.code, said.json["status"], said.json["found"]) == (1, "empty", None)
    terminal("db", "upgrade")
    said = terminal("--lang", "ko", "db", "status", "--json")
    assert (said.code, said.json["status"]) == (0, "current")


def test_a_database_that_is_ahead_is_refused_with_a_sentence(gconnect: Terminal, migrated_database_url: str) -> None:
    set_revision(migrated_database_url, "9999")
    for command in (["db", "upgrade"], ["db", "status"], ["seller", "list"], ["sync", "A"]):
        said = gconnect("--lang", "ko", *command)
        assert said.code == 1
        assert "데이터베이스가 9999인데" in said.err


@ON_SQLITE
def test_commands_refuse_a_database_without_tables(terminal: Terminal, empty_database_url: str) -> None:
    terminal.set(DATABASE_URL=empty_database_url, ENCRYPTION_KEY=terminal("keys", "generate").out.strip())
    said = terminal("logs")
    assert said.code == 1
    assert "Make them with `gconnect db upgrade`" in said.err


@pytest.mark.parametrize("command", [["db", "status"], ["db", "upgrade"], ["seller", "list"]])
def test_a_database_that_does_not_answer_is_named_without_its_password(terminal: Terminal, command: list[str]) -> None:
    terminal.set(
        DATABASE_URL="postgresql://somebody:geheim1234@127.0.0.1:1/gc",
        ENCRYPTION_KEY=terminal("keys", "generate").out.strip(),
    )
    said = terminal(*command)
    assert said.code == 1
    assert "127.0.0.1:1" in said.err
    assert "Check DATABASE_URL" in said.err
    assert "geheim1234" not in said.all


def test_a_file_that_is_no_database_is_refused_with_a_sentence(terminal: Terminal) -> None:
    terminal.set(DATABASE_URL="sqlite:////dev/null/gconnect.db")
    said = terminal("db", "upgrade")
    assert said.code == 1
    assert said.err.startswith("✖ ")
