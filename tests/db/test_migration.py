from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from db import migration
from db.base import Base
from db.session import Database


def test_the_migrations_up_from_nothing_equal_the_models(empty_database_url: str) -> None:
    migration.upgrade(empty_database_url)
    database = Database.open(empty_database_url)
    assert migration.differences(database) == []
    migration.check(database)
    database.close()


def test_the_migrations_go_down_to_nothing_and_up_again(empty_database_url: str) -> None:
    migration.upgrade(empty_database_url)
    migration.downgrade(empty_database_url)
    database = Database.open(empty_database_url)
    assert set(inspect(database.engine).get_table_names()) & Base.metadata.tables.keys() == set()
    database.close()
    migration.upgrade(empty_database_url)


def test_an_empty_database_is_refused_with_what_to_do(empty_database_url: str) -> None:
    database = Database.open(empty_database_url)
    with pytest.raises(migration.SchemaMismatch, match="gconnect db upgrade") as caught:
        migration.check(database)
    assert caught.value.kind == "empty"
    database.close()


@pytest.mark.parametrize(("found", "kind"), [("9999", "ahead")])
def test_a_database_of_a_newer_program_is_refused(empty_database_url: str, found: str, kind: str) -> None:
    migration.upgrade(empty_database_url)
    database = Database.open(empty_database_url)
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    with pytest.raises(migration.SchemaMismatch) as caught:
        migration.check(database)
    assert caught.value.kind == kind
    with pytest.raises(migration.SchemaMismatch):
        migration.upgrade(empty_database_url)
    database.close()


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    database = Database.open("postgresql://somebody:hush-hush@127.0.0.1:1/nowhere")
    with pytest.raises(migration.DatabaseUnreachable) as caught:
        migration.check(database)
    assert "127.0.0.1:1/nowhere" in str(caught.value)
    assert "hush" not in str(caught.value)
    database.close()
