"""The database as flows see it: opened by a URL, used by short transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, sessionmaker

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 15
"""How long a transaction waits for a connection of the pool."""


class Database:
    """One database and its connections; made in each process, after the fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)
        self._snapshots = sessionmaker(_of_one_moment(engine), expire_on_commit=False)

    @classmethod
    def open(cls, url: str, *, pool_size: int = 8, pool_timeout_s: float = POOL_TIMEOUT_S) -> Database:
        """Return the database at *url*; nothing is connected before the first transaction."""
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return cls(_sqlite(parsed, pool_size, pool_timeout_s))
        return cls(_postgresql(parsed, pool_size, pool_timeout_s))

    @property
    def dialect(self) -> str:
        """sqlite or postgresql."""
        return self.engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is committed at the end of the block, or undone if the block raises."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Give a session that sees one moment of the database, keeps nobody from writing, and writes nothing."""
        with self._snapshots() as session:
            yield session

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def lock_claims(session: Session) -> None:
    """
    Let one transaction at a time decide who may work, until it ends.

    SQLite needs nothing: its transactions begin with the write lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext('gconnect.claims'))"))


def _of_one_moment(engine: Engine) -> Engine:
    if engine.dialect.name == "sqlite":
        return engine.execution_options(without_write_lock=True)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _sqlite(url: URL, pool_size: int, pool_timeout_s: float) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=pool_timeout_s,
        # What was to be written stays out of error texts and logs.
        hide_parameters=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver's own idea of when a transaction begins is switched off: ours begin with the write
        # lock, so that two of them wait for each other instead of failing half-way.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"busy_timeout={LOCK_TIMEOUT_MS}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        reads_only = connection.get_execution_options().get("without_write_lock", False)
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, pool_size: int, pool_timeout_s: float) -> Engine:
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    options = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
        f" -c idle_in_transaction_session_timeout={2 * STATEMENT_TIMEOUT_MS}"
    )
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "gconnect",
        # A dead path is noticed within half a minute instead of the kernel's two hours.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=pool_timeout_s,
        pool_pre_ping=True,
        connect_args={
            # Arguments would stand above the URL without a word: what the operator said there counts.
            **{name: value for name, value in arguments.items() if name not in url.query},
            # Of one that is given twice, the server takes the last.
            "options": " ".join([options, *url.normalized_query.get("options", ())]),
        },
        # What was to be written stays out of error texts and logs.
        hide_parameters=True,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
    )
