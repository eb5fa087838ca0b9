from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from actors import process, scheduling
from actors.broker import Queue
from actors.retries import RetryTimes
from actors.syncing import PUT_BACK_MS, carry_out
from db.session import Database
from services.errors import NaverMaintenance
from services.retrying import AttemptFailed
from tests.fakes import FakeClock
from tests.simulator import Simulator
from tests.world import World


@pytest.fixture
def process_without_database(naver: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A process whose database refuses every connection, by a clock that does not wait."""
    world = World.at("postgresql+psycopg://nobody@127.0.0.1:1/nowhere", naver, FakeClock())
    process.use(world.rt)
    # Whatever is sent goes nowhere: the broker of this process can be the one that RABBITMQ_URL names.
    nowhere = StubBroker(middleware=[])
    nowhere.declare_queue(Queue.SCHEDULER)
    monkeypatch.setattr(scheduling.recover_between_ticks, "broker", nowhere)
    yield world
    process.close()


def test_a_message_is_put_back_for_seconds_while_the_database_is_away(process_without_database: World) -> None:
    with pytest.raises(dramatiq.Retry) as caught:
        carry_out(1)
    assert caught.value.delay == PUT_BACK_MS


def retry_message(sync_id: int) -> dramatiq.Message[object]:
    return dramatiq.Message(queue_name="sync.DQ", actor_name="sync_seller", args=(sync_id,), kwargs={}, options={})


def after(middleware: RetryTimes, sync_id: int, error: BaseException) -> None:
    """Let a message fail and be brought back in a minute, as Retries does it."""
    broker = dramatiq.get_broker()
    message = retry_message(sync_id)
    middleware.after_process_message(broker, dramatiq.MessageProxy(message), exception=error)
    middleware.after_enqueue(broker, message, 60_000)


def test_a_retry_that_cannot_be_noted_is_left_as_it_is(process_without_database: World) -> None:
    assert isinstance(process_without_database.rt.database, Database)
    after(RetryTimes(), 1, AttemptFailed(1, 0, NaverMaintenance()))


def test_only_a_failed_attempt_moves_the_time_of_the_next_one(naver: Simulator, migrated_database_url: str) -> None:
    world = World.at(migrated_database_url, naver, FakeClock())
    process.use(world.rt)
    try:
        world.shop().faults.add("maintenance", times=1)
        sync = world.sync()
        latest = sync.next_attempt_at
        put_back = dramatiq.Retry("the database is away", delay=60_000)
        put_back.__cause__ = OperationalError("", {}, Exception("away"))
        after(RetryTimes(), sync.id, put_back)
        assert world.sync_log(sync.id).next_attempt_at == latest
        after(RetryTimes(), sync.id, AttemptFailed(sync.id, 0, NaverMaintenance()))
        assert world.sync_log(sync.id).next_attempt_at == world.clock.now() + timedelta(minutes=1)
    finally:
        process.close()


@pytest.mark.parametrize(
    "tick", [scheduling.find_due_schedules, scheduling.recover_stalled_syncs, scheduling.prune_history]
)
def test_a_tick_without_a_database_is_let_go_in_a_line(
    process_without_database: World, tick: dramatiq.Actor[[], None]
) -> None:
    with capture_logs() as logs:
        tick()
    (line,) = (each for each in logs if each["event"] != "database_away")
    assert line == {
        "event": "tick_let_go",
        "log_level": "error",
        "actor": tick.actor_name,
        "kind": "OperationalError",
    }
