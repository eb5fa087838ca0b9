"""The servers of the tests themselves: they start, stop, crash, come back, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pika
import pytest
import sqlalchemy
from sqlalchemy import make_url

from tests.servers import postgresql as postgresql_server
from tests.servers import rabbitmq as rabbitmq_server
from tests.servers.janitor import ROOT
from tests.servers.postgresql import Databases, PrivatePostgreSQL, connect, find_postgresql
from tests.servers.private import ServerMissing
from tests.servers.rabbitmq import PrivateRabbitMQ, find_rabbitmq, make_virtual_host, rabbitmq_virtual_host


def test_a_private_postgresql_keeps_what_was_committed_when_it_is_stopped_and_when_it_is_killed() -> None:
    with PrivatePostgreSQL() as server:
        url, directory = server.url, server.directory
        with connect(url) as connection:
            connection.execute("CREATE TABLE seller (name text)")
            server.kill()
        server.start()
        with connect(server.url) as connection:
            connection.execute("INSERT INTO seller VALUES ('one')")
        server.stop()
        assert not server.running
        assert postgresql_server.refusal(url) != ""
        server.start()
        with connect(server.url) as connection:
            assert connection.execute("SELECT name FROM seller").fetchall() == [("one",)]
        server.restart()
        assert server.url == url
        assert postgresql_server.refusal(url) == ""
    assert postgresql_server.refusal(url) != ""
    assert not directory.exists()


@pytest.fixture(scope="module")
def private_rabbitmq() -> Iterator[PrivateRabbitMQ]:
    """One for all tests of this file: each start takes seconds."""
    with PrivateRabbitMQ() as server:
        yield server


def test_a_virtual_host_is_made_by_the_management_api_where_there_is_one(private_rabbitmq: PrivateRabbitMQ) -> None:
    management = private_rabbitmq.enable_management()
    with contextlib.ExitStack() as stack:
        url = make_virtual_host(private_rabbitmq.url, management, stack)
        assert url is not None
        publish(url, "mine", b"one")
    assert rabbitmq_server.refusal(url) != ""
    assert rabbitmq_server.refusal(private_rabbitmq.url) == ""


def test_a_private_rabbitmq_keeps_durable_messages_when_it_is_killed(private_rabbitmq: PrivateRabbitMQ) -> None:
    url = private_rabbitmq.url
    publish(url, "kept", b"one")
    private_rabbitmq.kill()
    assert not private_rabbitmq.running
    assert rabbitmq_server.refusal(url) != ""
    private_rabbitmq.start()
    assert private_rabbitmq.url == url
    assert private_rabbitmq.ctl("list_queues", "name").split() == ["name", "kept"]
    assert take(url, "kept") == b"one"


def test_a_private_rabbitmq_that_is_stopped_is_there_no_more(private_rabbitmq: PrivateRabbitMQ) -> None:
    private_rabbitmq.stop()
    assert not private_rabbitmq.running
    assert rabbitmq_server.refusal(private_rabbitmq.url) != ""


def test_a_session_has_a_virtual_host_that_no_other_session_sees(rabbitmq_url: str) -> None:
    publish(rabbitmq_url, "ours", b"one")
    with rabbitmq_virtual_host(os.environ) as other:
        publish(other, "theirs", b"two")
        assert take(rabbitmq_url, "ours") == b"one"
    assert rabbitmq_server.refusal(other) != ""
    assert rabbitmq_server.refusal(rabbitmq_url) == ""


def test_nothing_is_left_of_a_test_process_that_is_killed(postgresql: Databases) -> None:
    script = """
import os, signal, sys
from tests.servers.postgresql import Databases, PrivatePostgreSQL

server = PrivatePostgreSQL()
server.start()
print(Databases(sys.argv[1]).create(), server.url, server.directory, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    # The janitor writes to the same standard error, so this returns when it has finished.
    done = subprocess.run(
        [sys.executable, "-c", script, postgresql.server_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    database, server_url, directory = done.stdout.split()
    assert "does not exist" in postgresql_server.refusal(database)
    assert postgresql_server.refusal(server_url) != ""
    assert not Path(directory).exists()


def test_an_empty_database_is_empty_and_each_one_is_another(empty_database_url: str) -> None:
    assert tables(empty_database_url) == set()


def test_a_migrated_database_has_tables_and_takes_rows(migrated_database_url: str) -> None:
    assert "seller" in " ".join(tables(migrated_database_url))


def test_a_copied_postgresql_database_has_the_rows_of_its_template(
    fresh_postgresql_database: Callable[..., str], postgresql: Databases
) -> None:
    template = fresh_postgresql_database()
    # This session stays open: a template must be copied all the same.
    with connect(template) as connection:
        connection.execute("CREATE TABLE seller AS SELECT 'one' AS name")
        postgresql.close_to_sessions(template)
        with connect(fresh_postgresql_database(str(make_url(template).database))) as copy:
            assert copy.execute("SELECT name FROM seller").fetchall() == [("one",)]


def test_a_rabbitmq_that_is_named_and_does_not_answer_is_an_error_without_its_password() -> None:
    with pytest.raises(ServerMissing, match="RABBITMQ_URL names a server on") as raised:
        find_rabbitmq({"RABBITMQ_URL": "amqp://someone:hunter2@127.0.0.1:1/"})
    assert "hunter2" not in str(raised.value)


def test_a_postgresql_that_is_named_and_does_not_answer_is_an_error_without_its_password() -> None:
    with pytest.raises(ServerMissing, match="DATABASE_URL names postgresql") as raised:
        find_postgresql({"DATABASE_URL": "postgresql://someone:hunter2@127.0.0.1:1/gconnect"})
    assert "hunter2" not in str(raised.value)


def publish(url: str, queue: str, body: bytes) -> None:
    """Store a message in a durable queue, and return when the server says that it is safe."""
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True)
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))


def take(url: str, queue: str) -> bytes | None:
    """Take one message out of a queue."""
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        body: bytes | None = connection.channel().basic_get(queue, auto_ack=True)[2]
        return body


def tables(url: str) -> set[str]:
    """Return the names of the tables in the database at *url*."""
    engine = sqlalchemy.create_engine(url)
    try:
        return set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()
