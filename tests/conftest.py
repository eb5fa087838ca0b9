"""Databases and queues for the tests, on real servers, each test's own; see tests/servers."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url

from tests.servers.janitor import janitor
from tests.servers.postgresql import Databases, postgresql_databases
from tests.servers.private import ServerMissing
from tests.servers.rabbitmq import rabbitmq_virtual_host


def pytest_unconfigure() -> None:
    """Clean up what an interrupted test left; in each worker of xdist too."""
    janitor().close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that the rest is done beside it."""
    items.sort(key=lambda item: item.get_closest_marker("chaos") is None)


@pytest.fixture(scope="session")
def rabbitmq_url() -> Iterator[str]:
    """A virtual host of this session (or xdist worker), empty at its beginning."""
    with _or_fail(), rabbitmq_virtual_host(os.environ) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Databases]:
    """Makes databases on a real server; all of them are dropped at the end of the session."""
    with _or_fail(), postgresql_databases(os.environ) as databases:
        yield databases


@pytest.fixture(scope="session")
def postgresql_url(postgresql: Databases) -> str:
    """A database of this session (or xdist worker), empty at its beginning."""
    return postgresql.create()


@pytest.fixture
def fresh_postgresql_database(postgresql: Databases) -> Iterator[Callable[..., str]]:
    """Make databases for one test: called with nothing an empty one, with `template` a copy of that one."""
    with contextlib.ExitStack() as stack:

        def create(template: str = "template1") -> str:
            url = postgresql.create(template)
            stack.callback(postgresql.drop, url)
            return url

        yield create


@pytest.fixture(params=["sqlite", "postgresql"])
def database_backend(request: pytest.FixtureRequest) -> str:
    """Run the test once on each kind of database."""
    return str(request.param)


@pytest.fixture
def empty_database_url(database_backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, this test's own, on SQLite and on PostgreSQL."""
    if database_backend == "sqlite":
        return sqlite_url(tmp_path / "gconnect.db")
    return str(request.getfixturevalue("fresh_postgresql_database")())


@pytest.fixture
def migrated_database_url(database_backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with our tables and no rows, this test's own, on SQLite and on PostgreSQL."""
    if database_backend == "sqlite":
        copy_sqlite(request.getfixturevalue("sqlite_template"), tmp_path / "gconnect.db")
        return sqlite_url(tmp_path / "gconnect.db")
    template = request.getfixturevalue("postgresql_template")
    return str(request.getfixturevalue("fresh_postgresql_database")(template))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that tests copy: migrating takes a hundred times as long."""
    path = tmp_path_factory.mktemp("template") / "gconnect.db"
    _migrate(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Databases) -> str:
    """The name of a migrated database that tests copy."""
    url = postgresql.create()
    _migrate(url)
    postgresql.close_to_sessions(url)
    return str(make_url(url).database)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Drop all events: where there are thousands of them, they would be most of the work."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def _migrate(url: str) -> None:
    from db.migration import upgrade

    upgrade(url)


def sqlite_url(path: Path) -> str:
    """Return the URL of a file."""
    return f"sqlite:///{path.as_posix()}"


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database, whoever has it open."""
    # By SQLite itself: rows that still stand in the write-ahead log come along.
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)


@contextlib.contextmanager
def _or_fail() -> Iterator[None]:
    try:
        yield
    except ServerMissing as error:
        pytest.fail(str(error), pytrace=False)
