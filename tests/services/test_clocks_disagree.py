"""Two hosts whose clocks are half a minute apart share a database: nothing is taken twice, or from the living."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from db.sync_logs import State, SyncLog
from services import auditing, recovery, schedules
from tests.fakes import FakeClock
from tests.simulator import Simulator
from tests.world import World

MINUTE = timedelta(minutes=1)


class OtherClock(FakeClock):
    """Shows what *clock* shows, and *ahead* more."""

    def __init__(self, clock: FakeClock, ahead: timedelta) -> None:
        super().__init__()
        self._clock, self._ahead = clock, ahead

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def advance(self, span: timedelta) -> None:
        self._clock.advance(span)


@pytest.fixture(params=[30, -30], ids=["ahead", "behind"])
def other(request: pytest.FixtureRequest, world: World, naver: Simulator) -> Iterator[World]:
    """The other host."""
    clock = OtherClock(world.clock, timedelta(seconds=request.param))
    world = World.at(world.rt.settings.database_url, naver, clock)
    yield world
    world.rt.close()


def test_each_instant_gives_one_sync_whoever_looks_first(world: World, other: World) -> None:
    world.shop()
    first = world.schedule().next_run
    # Around each of three instants, as the clocks show it one after the other; who looks first changes.
    looks = [
        first + instant * timedelta(hours=4) + timedelta(seconds=seconds)
        for instant in range(3)
        for seconds in (-31, -1, 0, 1, 29, 31, 61)
    ]
    for number, moment in enumerate(looks):
        world.clock.set_wall(moment)
        for host in (world, other) if number % 2 else (other, world):
            for call in (*schedules.open_due_syncs(host.rt), *recovery.recover(host.rt)):
                assert (other if call.sync_id % 2 else world).run(call.sync_id).state == State.SUCCEEDED
    rows = world.rows(SyncLog)
    assert [(row.state, row.tries) for row in rows] == [(State.SUCCEEDED, 1)] * 3
    assert len({row.scheduled_for for row in rows}) == 3
    assert auditing.audit(world.rt) == auditing.audit(other.rt) == []


def test_a_worker_that_lives_is_not_taken_for_dead(world: World, other: World) -> None:
    shop = world.shop(products=1_100)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    recovery.note_sent(world.rt, [call.sync_id])
    looked = []

    def look() -> None:
        # As long as a page may take by default, less the time of its answer.
        world.clock.advance(timedelta(seconds=55))
        looked.append(recovery.recover(other.rt))

    world.meter.on_request = {("products_search", number): look for number in (1, 2, 3)}
    world.turn(call.sync_id)
    assert looked == [[], [], []]
    sync = world.sync_log(call.sync_id)
    assert (sync.state, sync.attempt) == (State.SUCCEEDED, 1)
    assert world.documents() == shop.catalogue.expected()


def test_a_retry_comes_once_by_either_clock(world: World, other: World) -> None:
    world.shop().faults.add("maintenance", times=1)
    sync = world.sync()
    recovery.note_sent(world.rt, [sync.id])
    at = recovery.note_retry(world.rt, sync.id, 6 * MINUTE)
    world.clock.set_wall(at)
    # The queue brings it by the clock of the host that holds it.
    assert other.run(sync.id).state == State.SUCCEEDED
    assert world.run(sync.id).tries == 2
