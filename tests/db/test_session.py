from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError, StatementError

from db.heartbeats import Heartbeat, beat, heartbeats, last_beat
from db.product_changes import ChangeKind, ProductChange
from db.sellers import Seller
from db.session import Database

NOW = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(migrated_database_url: str) -> Iterator[Database]:
    database = Database.open(migrated_database_url)
    yield database
    database.close()


def test_an_instant_comes_back_aware_and_in_utc(database: Database) -> None:
    with database.transaction() as session:
        beat(session, "a", NOW.astimezone(timezone(timedelta(hours=9))))
    with database.transaction() as session:
        (row,) = heartbeats(session)
    assert (row.beat_at, row.beat_at.tzinfo) == (NOW, UTC)


def test_an_instant_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.transaction() as session:
        beat(session, "a", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_a_heartbeat_is_one_row_that_moves(database: Database) -> None:
    with database.transaction() as session:
        assert last_beat(session, "a") is None
        beat(session, "a", NOW)
        beat(session, "a", NOW + timedelta(minutes=1))
        assert last_beat(session, "a") == NOW + timedelta(minutes=1)


def test_a_block_that_raises_is_undone(database: Database) -> None:
    def write_and_fail() -> None:
        with database.transaction() as session:
            beat(session, "a", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.transaction() as session:
        assert heartbeats(session) == []


def test_writers_wait_for_each_other(database: Database) -> None:
    def count(_: int) -> None:
        with database.transaction() as session:
            row = session.get(Heartbeat, "a", with_for_update=True)
            assert row is not None
            row.beat_at += timedelta(seconds=1)

    with database.transaction() as session:
        beat(session, "a", NOW)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    with database.transaction() as session:
        assert last_beat(session, "a") == NOW + timedelta(seconds=40)


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text("INSERT INTO sync_pages VALUES (1, 1, 0, '', '', '')"))


@pytest.mark.parametrize("value", [None, 12, "12", 1.5, True, {"a": [1, None]}, "가"])
def test_a_change_keeps_its_values_as_they_are(database: Database, value: object) -> None:
    with database.transaction() as session:
        session.add(Seller(id=1, name="가", created_at=NOW))
        session.flush()
        session.add(
            ProductChange(
                id=1, seller_id=1, product_no=2**40, kind=ChangeKind.CHANGED, old=value, new=None, changed_at=NOW
            )
        )
    with database.transaction() as session:
        row = session.get_one(ProductChange, 1)
        assert (row.old, row.new, row.product_no) == (value, None, 2**40)


def test_an_error_does_not_show_what_was_to_be_written(database: Database) -> None:
    twice = [Seller(id=number, name="same", credential="hush-hush", created_at=NOW) for number in (1, 2)]
    with pytest.raises(IntegrityError) as caught, database.transaction() as session:
        session.add_all(twice)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("database_backend", ["postgresql"])
def test_what_the_database_s_url_says_stands_above_our_own_limits(migrated_database_url: str) -> None:
    said = {"options": "-c lock_timeout=1234", "application_name": "shop"}
    url = make_url(migrated_database_url).update_query_dict(said).render_as_string(hide_password=False)
    database = Database.open(url)
    with database.transaction() as session:
        names = ("lock_timeout", "statement_timeout", "application_name")
        shown = [session.scalar(text(f"SHOW {name}")) for name in names]
    database.close()
    assert shown == ["1234ms", "30s", "shop"]
