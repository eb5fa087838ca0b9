"""PostgreSQL in trouble that passes: rows locked, statements too slow, transactions that cross, no connection left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event, make_url, select, update
from sqlalchemy.engine import ExceptionContext
from structlog.testing import capture_logs

from db.schedules import SyncSchedule
from db.session import Database
from db.sync_logs import State, SyncLog, Trigger
from services import recovery, schedules
from services.auditing import audit
from services.clock import SystemClock
from services.schedules import Call
from tests.actors.fleet import wait_until
from tests.servers.postgresql import connect
from tests.simulator import Simulator
from tests.simulator.sellers import Seller as Shop
from tests.world import World

PRODUCTS = 600
"""Two pages."""


@pytest.fixture
def naver() -> Iterator[Simulator]:
    """By the real clock, as locks and statements of the server are timed by it too."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def database_url(fresh_postgresql_database: Callable[..., str], postgresql_template: str) -> str:
    return fresh_postgresql_database(postgresql_template)


@pytest.fixture
def make_world(database_url: str, naver: Simulator) -> Iterator[Callable[..., World]]:
    """Build a world whose server loses patience as early as *limits* say."""
    with ExitStack() as stack:

        def make(**limits: str) -> World:
            options = " ".join(f"-c {name}={value}" for name, value in limits.items())
            url = make_url(database_url).update_query_dict({"options": options} if options else {})
            world = World.at(url.render_as_string(hide_password=False), naver, SystemClock())
            stack.callback(lambda: world.rt.close())
            return world

        yield make


@pytest.fixture
def somebody(database_url: str) -> Iterator[psycopg.Connection]:
    """Somebody else who is connected to the same database."""
    with connect(database_url) as connection:
        yield connection


def at_first_error(world: World, relief: Callable[[], object]) -> list[str]:
    """Let the trouble end when the product has met it once; return the list where the errors' names will stand."""
    met: list[str] = []

    def note(context: ExceptionContext) -> None:
        if context.is_pre_ping:
            # Met by the pool, which takes another connection.
            return
        met.append(type(context.original_exception).__name__)
        if len(met) == 1:
            relief()

    event.listen(world.rt.database.engine, "handle_error", note)
    return met


def fall_due(world: World) -> datetime:
    """Let the seller's next instant be now, and return it."""
    with world.rt.database.transaction() as session:
        session.execute(update(SyncSchedule).values(next_run=world.rt.clock.now()))
    return world.schedule().next_run


def served_by(world: World, instant: datetime) -> list[State]:
    return [sync.state for sync in world.rows(SyncLog, scheduled_for=instant)]


def all_is_well(world: World, shop: Shop) -> None:
    """Assert that the catalogue is right, that nothing is spoilt, and that the next due instant is met too."""
    assert world.documents() == shop.catalogue.expected()
    assert audit(world.rt) == []
    instant = fall_due(world)
    (call,) = schedules.open_due_syncs(world.rt)
    assert world.run(call.sync_id).state == State.SUCCEEDED
    assert served_by(world, instant) == [State.SUCCEEDED]
    assert world.live() == []
    assert audit(world.rt) == []


def due_sync(world: World) -> Call:
    fall_due(world)
    (call,) = schedules.open_due_syncs(world.rt)
    return call


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT 1 FROM sync_logs FOR UPDATE",
        "SELECT 1 FROM sync_schedules FOR UPDATE",
        "LOCK TABLE products",
        "LOCK TABLE sync_attempts",
    ],
)
def test_a_sync_outlasts_a_lock_that_is_held_for_too_long(
    make_world: Callable[..., World], somebody: psycopg.Connection, lock: str
) -> None:
    world = make_world(lock_timeout="200")
    shop = world.shop(products=PRODUCTS)
    call = due_sync(world)
    met = at_first_error(world, lambda: somebody.execute("ROLLBACK"))

    def take_the_lock() -> None:
        somebody.execute("BEGIN")
        somebody.execute(lock)

    world.meter.on_request[("products_search", 2)] = take_the_lock
    sync = world.run(call.sync_id)
    assert set(met) == {"LockNotAvailable"}
    assert (sync.state, sync.tries, sync.failures) == (State.SUCCEEDED, 1, 0)
    assert world.searches() == [1, 2]
    all_is_well(world, shop)


def test_a_tick_a_recovery_and_a_take_outlast_a_lock_that_is_held_for_too_long(
    make_world: Callable[..., World], somebody: psycopg.Connection
) -> None:
    world = make_world(lock_timeout="200")
    shop = world.shop(products=PRODUCTS)
    instant = fall_due(world)
    met: list[str] = []

    def locked(step: Callable[[], Any]) -> Any:
        somebody.execute("BEGIN")
        somebody.execute("LOCK TABLE sync_schedules, sync_logs, heartbeats")
        met[:] = []
        done = step()
        assert set(met) == {"LockNotAvailable"}
        return done

    def note(context: ExceptionContext) -> None:
        met.append(type(context.original_exception).__name__)
        somebody.execute("ROLLBACK")

    event.listen(world.rt.database.engine, "handle_error", note)
    calls = locked(lambda: schedules.open_due_syncs(world.rt))
    assert locked(lambda: recovery.recover(world.rt)) == calls
    ran = locked(lambda: world.turn(calls[0].sync_id))
    assert (ran.calls, ran.failure) == ([], None)
    assert served_by(world, instant) == [State.SUCCEEDED]
    all_is_well(world, shop)


@pytest.mark.parametrize("table", ["products", "sync_pages", "product_changes", "sync_attempts"])
def test_a_statement_that_took_too_long_is_tried_again(
    make_world: Callable[..., World], somebody: psycopg.Connection, table: str
) -> None:
    world = make_world(statement_timeout="1000")
    shop = world.shop(products=30)
    world.sync()
    shop.catalogue.add(1)
    # What a sequence has given is not taken back with the transaction: only the first statement is slow.
    somebody.execute("CREATE SEQUENCE rows_written")
    somebody.execute(
        "CREATE FUNCTION be_slow_once() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF nextval('rows_written') = 1 THEN PERFORM pg_sleep(600); END IF; RETURN NULL; END $$"
    )
    somebody.execute(f"CREATE TRIGGER slow AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION be_slow_once()")
    met = at_first_error(world, lambda: None)
    sync = world.run(due_sync(world).sync_id)
    assert set(met) == {"QueryCanceled"}
    assert (sync.state, sync.tries, sync.failures, sync.added) == (State.SUCCEEDED, 1, 0, 1)
    all_is_well(world, shop)


def test_a_claim_and_an_end_that_wait_for_each_other_both_come_about(
    make_world: Callable[..., World], somebody: psycopg.Connection
) -> None:
    world = make_world()
    shop = world.shop(products=PRODUCTS)
    instant = fall_due(world)
    met = at_first_error(world, lambda: None)
    has_claimed = threading.Event()

    def somebody_waits_for_a_lock() -> bool:
        found = somebody.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return found.fetchone() == (1,)

    def let_the_other_go_first(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # The tick has locked the schedule; what it does next, open a sync, must meet one that is just ending.
        if "FROM sync_schedules" in statement and "SKIP LOCKED" in statement and not has_claimed.is_set():
            has_claimed.set()
            wait_until(somebody_waits_for_a_lock, "the other sync's end, waiting for the schedule")

    event.listen(world.rt.database.engine, "after_cursor_execute", let_the_other_go_first)
    with ThreadPoolExecutor() as pool:
        tick = pool.submit(schedules.open_due_syncs, world.rt)
        assert has_claimed.wait(60)
        by_hand = world.sync()
        opened = tick.result()
    assert met == ["DeadlockDetected"]
    assert (by_hand.state, by_hand.trigger, by_hand.failures) == (State.SUCCEEDED, Trigger.MANUAL, 0)
    # Where the claim came off worse, the instant stayed due.
    opened += schedules.open_due_syncs(world.rt)
    assert [world.run(call.sync_id).state for call in opened] == [State.SUCCEEDED]
    assert served_by(world, instant) == [State.SUCCEEDED]
    all_is_well(world, shop)


def test_a_sync_waits_for_a_connection_where_all_are_taken(make_world: Callable[..., World], database_url: str) -> None:
    world = make_world()
    shop = world.shop(products=PRODUCTS)
    call = due_sync(world)
    world.rt.database.close()
    world.rt = replace(world.rt, database=Database.open(database_url, pool_size=1, pool_timeout_s=0.2))
    engine = world.rt.database.engine
    with capture_logs() as logs, ExitStack() as held, ThreadPoolExecutor() as pool:

        def take_all() -> None:
            for _ in range(3):
                held.enter_context(engine.connect()).execute(select(1))

        world.meter.on_request[("products_search", 2)] = take_all
        running = pool.submit(world.run, call.sync_id)
        wait_until(lambda: any(line["event"] == "database_away" for line in logs), "a time-out of the pool")
        held.close()
        sync = running.result()
    assert (sync.state, sync.tries, sync.failures) == (State.SUCCEEDED, 1, 0)
    assert {line["kind"] for line in logs if line["event"] == "database_away"} == {"TimeoutError"}
    assert not [line for line in logs if "exc_info" in line or line["log_level"] in ("error", "critical")]
    all_is_well(world, shop)


def test_a_worker_that_stood_still_in_a_transaction_writes_its_page_anew(
    make_world: Callable[..., World], somebody: psycopg.Connection
) -> None:
    world = make_world()
    shop = world.shop(products=PRODUCTS)
    call = due_sync(world)
    met = at_first_error(world, lambda: None)
    stood_still: list[int] = []

    def stand_still(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO sync_pages") and not stood_still:
            pid: int = cursor.connection.info.backend_pid
            stood_still.append(pid)
            cursor.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
            wait_until(lambda: not is_connected(somebody, pid), "the server's end of the transaction")

    event.listen(world.rt.database.engine, "after_cursor_execute", stand_still)
    sync = world.run(call.sync_id)
    assert set(met) == {"IdleInTransactionSessionTimeout"}
    assert (sync.state, sync.tries, sync.failures) == (State.SUCCEEDED, 1, 0)
    assert world.searches() == [1, 2]
    all_is_well(world, shop)


def is_connected(somebody: psycopg.Connection, pid: int) -> bool:
    return somebody.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is not None


def test_a_server_that_only_answers_questions_for_a_while_holds_a_sync_up_and_does_not_end_it(
    make_world: Callable[..., World], somebody: psycopg.Connection
) -> None:
    world = make_world()
    shop = world.shop(products=PRODUCTS)
    call = due_sync(world)
    name = sql.Identifier(str(world.rt.database.engine.url.database))
    command = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")

    def switch(value: str) -> None:
        somebody.execute("SET default_transaction_read_only = off")
        somebody.execute(command.format(name, sql.SQL(value)))
        somebody.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    met = at_first_error(world, lambda: switch("off"))
    # As while another server takes over: connections are cut, and cut again when it has.
    world.meter.on_request[("products_search", 2)] = lambda: switch("on")
    sync = world.run(call.sync_id)
    assert "ReadOnlySqlTransaction" in met
    assert (sync.state, sync.tries, sync.failures) == (State.SUCCEEDED, 1, 0)
    all_is_well(world, shop)
