from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
from structlog.testing import capture_logs

from actors import process, scheduling
from actors.retries import RetryTimes
from actors.syncing import PUT_BACK_MS, carry_out
from db.session import Database
from tests.fakes import FakeClock
from tests.simulator import Simulator
from tests.world import World


@pytest.fixture
def process_without_database(naver: Simulator) -> Iterator[World]:
    """A process whose database refuses every connection, by a clock that does not wait."""
    world = World.at("postgresql+psycopg://nobody@127.0.0.1:1/nowhere", naver, FakeClock())
    process.use(world.rt)
    yield world
    process.close()


def test_a_message_is_put_back_for_seconds_while_the_database_is_away(process_without_database: World) -> None:
    with pytest.raises(dramatiq.Retry) as caught:
        carry_out(1)
    assert caught.value.delay == PUT_BACK_MS


def test_a_retry_that_cannot_be_noted_is_left_as_it_is(process_without_database: World) -> None:
    message: dramatiq.Message[object] = dramatiq.Message(
        queue_name="sync.DQ", actor_name="sync_seller", args=(1,), kwargs={}, options={}
    )
    assert isinstance(process_without_database.rt.database, Database)
    RetryTimes().after_enqueue(dramatiq.get_broker(), message, 1000)


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
