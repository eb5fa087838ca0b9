"""PostgreSQL for the tests: one that is there, or a private one; and databases of our own in it."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, make_url

from tests.servers.debian import install
from tests.servers.janitor import Promise, janitor
from tests.servers.private import PrivateServer, ServerFailed, ServerMissing, find_program, listens

if sys.platform != "win32":
    import pwd

PROGRAMS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
OLDEST = 130000
"""DROP DATABASE ... WITH (FORCE) came with version 13."""


class PrivatePostgreSQL(PrivateServer):
    """A PostgreSQL cluster of our own with the superuser `postgres` and no password. Raises ServerMissing."""

    name = "PostgreSQL"
    # "Fast": sessions are ended, what is committed is written. SIGTERM would wait for the clients.
    stop_signal = signal.SIGINT

    def __init__(self) -> None:
        super().__init__()
        initdb = find_program("initdb", *PROGRAMS)
        if initdb is None:
            raise ServerMissing("PostgreSQL's server programs (initdb, postgres) are not installed.")
        self._programs = initdb.resolve().parent

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._ports[0]}/postgres"

    def _account(self) -> tuple[int, int] | None:
        # PostgreSQL refuses to run as root.
        if sys.platform == "win32" or os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return entry.pw_uid, entry.pw_gid
        raise ServerMissing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody.")

    def _prepare(self) -> None:
        if (self.directory / "cluster" / "PG_VERSION").exists():
            return
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        initdb = self._spawn([str(self._programs / "initdb"), *options, str(self.directory / "cluster")])
        try:
            code = initdb.wait(timeout=60)
        except BaseException:
            initdb.kill()
            initdb.wait()
            raise
        if code:
            raise ServerFailed(f"initdb ended with {code}. Its log:\n{self.log}")

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._ports[0]),
            "unix_socket_directories": "",
            "max_connections": "200",
            # What is committed survives a killed server (the system still has it), and no power cut is tested.
            "fsync": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.directory / "cluster"), *options]

    def _answers(self) -> bool:
        return listens("127.0.0.1", self._ports[0]) and refusal(self.url) == ""


class Databases:
    """Makes databases whose names begin with one prefix that nobody else has, and drops them."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self.prefix = f"gconnect_test_{uuid.uuid4().hex[:12]}"
        self._count = 0
        self._promise: Promise = janitor().promise(drop_databases, server_url=server_url, prefix=self.prefix)

    def create(self, template: str = "template1") -> str:
        """Return the URL of a new database, a copy of the database *template*, which nobody may be using."""
        self._count += 1
        name = f"{self.prefix}_{self._count}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with connect(self.server_url) as connection:
            connection.execute(command)
        return make_url(self.server_url).set(database=name).render_as_string(hide_password=False)

    def close_to_sessions(self, url: str) -> None:
        """Let nobody use a database any more, so that it can be copied."""
        name = make_url(url).database or ""
        with connect(self.server_url) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    def drop(self, url: str) -> None:
        """Drop one of them, used or not."""
        _drop(self.server_url, make_url(url).database or "")

    def drop_all(self) -> None:
        """Drop all of them."""
        self._promise.keep()


def drop_databases(server_url: str, prefix: str) -> None:
    """Drop the databases whose names begin with *prefix*; a server that is gone has none."""
    with contextlib.suppress(psycopg.OperationalError):
        with connect(server_url) as connection:
            found = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
            names = [str(row[0]) for row in found]
        for name in names:
            _drop(server_url, name)


def _drop(server_url: str, name: str) -> None:
    with connect(server_url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def postgresql_databases(environ: Mapping[str, str]) -> Iterator[Databases]:
    """Give databases in the server at DATABASE_URL, on the local port, or in a private one. Raises ServerMissing."""
    with contextlib.ExitStack() as stack:
        server_url = find_postgresql(environ)
        if server_url is None:
            server_url = stack.enter_context(private_postgresql()).url
        databases = Databases(server_url)
        stack.callback(databases.drop_all)
        yield databases


def find_postgresql(environ: Mapping[str, str]) -> str | None:
    """Return the URL of a server that is there, or None; one that is named and does not answer is an error."""
    given = environ.get("DATABASE_URL", "")
    if given.partition(":")[0].partition("+")[0] in ("postgresql", "postgres"):
        url = make_url(given).set(drivername="postgresql+psycopg")
        if reason := refusal(url.render_as_string(hide_password=False)):
            raise ServerMissing(f"DATABASE_URL names {url} for the tests, but it is of no use to them: {reason}")
        return url.render_as_string(hide_password=False)
    if listens("127.0.0.1", 5432):
        for user in dict.fromkeys(("postgres", getpass.getuser())):
            url = URL.create("postgresql+psycopg", user, host="127.0.0.1", port=5432, database="postgres")
            if not refusal(url.render_as_string()):
                return url.render_as_string()
    return None


def private_postgresql() -> PrivatePostgreSQL:
    """Return a private server that is not started yet, after installing its programs if need be."""
    try:
        return PrivatePostgreSQL()
    except ServerMissing as missing:
        if reason := install("postgresql"):
            raise ServerMissing(
                "The tests need PostgreSQL: none that lets us in as postgres or as the current user listens on "
                f"127.0.0.1:5432, its server programs are not installed, and {reason}. "
                "Start one (docker compose up -d), install it, or set DATABASE_URL to one where we may create them."
            ) from missing
        return PrivatePostgreSQL()


def connect(url: str) -> psycopg.Connection:
    """Open a connection that commits every statement."""
    parts = make_url(url)
    given = {"host": parts.host, "port": parts.port, "user": parts.username, "dbname": parts.database}
    secret = {"password": str(parts.password) if parts.password else None}
    return psycopg.connect(
        make_conninfo(**{"connect_timeout": 5, **parts.query, **given, **secret}),  # type: ignore[arg-type]
        autocommit=True,
    )


def refusal(url: str) -> str:
    """Return why the server at *url* cannot serve the tests, or an empty text."""
    try:
        with connect(url) as connection:
            if connection.info.server_version < OLDEST:
                return f"version {connection.info.server_version // 10000} is too old, 13 or later is needed"
            rights = connection.execute("SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
            allowed = rights.fetchone()
    except psycopg.Error as error:
        return str(error).strip() or type(error).__name__
    return "" if allowed and allowed[0] else "the user may not create databases"
