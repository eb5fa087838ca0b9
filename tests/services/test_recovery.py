from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete

from db.sync_attempts import SyncAttempt
from db.sync_logs import State
from services import recovery, schedules
from services.schedules import Call
from tests.world import World


def queued(world: World) -> Call:
    world.shop()
    return schedules.request_sync(world.rt, world.id_of())[0]


class Killed(BaseException):
    """Stands for kill -9: no code of ours answers it."""


def die(world: World, call: Call, *, at_search: int) -> None:
    """Leave a sync as a worker does that is killed between the so-many-th answer and the transaction for it."""

    def kill() -> None:
        raise Killed

    world.meter.requests.clear()
    world.meter.on_request = {("products_search", at_search): kill}
    with pytest.raises(Killed):
        world.turn(call.sync_id)


def test_a_sync_that_was_queued_but_never_sent_is_sent(world: World) -> None:
    call = queued(world)
    assert recovery.recover(world.rt) == [call]


def test_a_sync_that_was_sent_is_left_to_the_queue(world: World) -> None:
    call = queued(world)
    recovery.note_sent(world.rt, [call.sync_id])
    assert recovery.recover(world.rt) == []


def test_a_message_that_was_lost_is_sent_again(world: World) -> None:
    call = queued(world)
    recovery.note_sent(world.rt, [call.sync_id])
    world.clock.advance(world.rt.settings.recovery_resend + timedelta(seconds=1))
    assert recovery.recover(world.rt) == [call]
    recovery.note_sent(world.rt, [call.sync_id])
    assert recovery.recover(world.rt) == []


def test_a_retry_is_left_to_the_queue_until_it_is_overdue(world: World) -> None:
    shop = world.shop()
    shop.faults.add("maintenance", times=1)
    sync = world.sync()
    recovery.note_sent(world.rt, [sync.id])
    at = recovery.note_retry(world.rt, sync.id, timedelta(minutes=6))
    assert world.sync_log(sync.id).next_attempt_at == at == world.clock.now() + timedelta(minutes=6)
    world.clock.advance(timedelta(minutes=6, seconds=30))
    assert recovery.recover(world.rt) == []
    world.clock.advance(timedelta(minutes=1))
    assert [call.sync_id for call in recovery.recover(world.rt)] == [sync.id]
    recovery.note_sent(world.rt, [sync.id])
    assert recovery.recover(world.rt) == []
    assert world.run(sync.id).state == State.SUCCEEDED


def test_a_dead_workers_sync_goes_on_at_the_page_where_it_stood(world: World) -> None:
    shop = world.shop(products=1100)
    call = schedules.request_sync(world.rt, world.id_of())[0]
    recovery.note_sent(world.rt, [call.sync_id])
    die(world, call, at_search=2)
    assert recovery.recover(world.rt) == []
    world.clock.advance(world.rt.settings.lease + timedelta(seconds=1))
    assert recovery.recover(world.rt) == [call]
    recovery.note_sent(world.rt, [call.sync_id])
    assert recovery.recover(world.rt) == []
    sync = world.run(call.sync_id)
    assert (sync.state, sync.deaths, sync.tries) == (State.SUCCEEDED, 1, 2)
    assert world.searches() == [1, 2, 2, 3]
    assert world.documents() == shop.catalogue.expected()


def test_a_dead_workers_sync_that_the_queue_would_not_have_is_sent_by_the_next_recovery(world: World) -> None:
    world.shop(products=1100)
    call = schedules.request_sync(world.rt, world.id_of())[0]
    recovery.note_sent(world.rt, [call.sync_id])
    die(world, call, at_search=2)
    world.clock.advance(world.rt.settings.lease + timedelta(seconds=1))
    assert recovery.recover(world.rt) == [call]
    recovery.note_sent(world.rt, [call.sync_id])
    recovery.note_unsent(world.rt, [call.sync_id])
    world.clock.advance(timedelta(minutes=1))
    assert recovery.recover(world.rt) == [call]


def test_who_asked_for_a_retry_at_once_is_not_put_off_by_the_queue_s_later_time(world: World) -> None:
    world.shop().faults.add("maintenance", times=1)
    sync = world.sync()
    schedules.request_sync(world.rt, world.id_of())
    recovery.note_retry(world.rt, sync.id, timedelta(minutes=6))
    assert world.run(sync.id).state == State.SUCCEEDED


def test_a_sync_that_has_killed_its_worker_three_times_has_failed(world: World) -> None:
    world.shop(products=600)
    call = schedules.request_sync(world.rt, world.id_of())[0]
    for deaths in range(3):
        assert [each.sync_id for each in recovery.recover(world.rt)] == [call.sync_id]
        recovery.note_sent(world.rt, [call.sync_id])
        die(world, call, at_search=1 if deaths else 2)
        world.clock.advance(world.rt.settings.lease + timedelta(seconds=1))
    assert recovery.recover(world.rt) == []
    sync = world.sync_log(call.sync_id)
    assert (sync.state, sync.code, sync.deaths) == (State.FAILED, "worker_died", 3)
    assert world.open_notifications() == [("worker_died", 1)]
    assert [row.code for row in world.attempts(sync.id)] == ["worker_died"] * 3


def test_rows_that_do_not_fit_together_keep_no_other_sync_from_its_recovery(world: World) -> None:
    world.shop("상한 가게", products=600)
    call = schedules.request_sync(world.rt, world.id_of("상한 가게"))[0]
    for _ in range(3):
        recovery.note_sent(world.rt, [call.sync_id])
        die(world, call, at_search=1)
        world.clock.advance(world.rt.settings.lease + timedelta(seconds=1))
    with world.rt.database.transaction() as session:
        session.execute(delete(SyncAttempt))
    other = queued(world)
    assert recovery.recover(world.rt) == [other]
    assert world.sync_log(call.sync_id).state == State.RUNNING


def test_recovery_sends_no_more_than_there_is_room_for(make_world: Callable[..., World]) -> None:
    world = make_world(max_concurrent=1)
    for number in range(3):
        world.shop(f"가게 {number}", products=0)
        schedules.request_sync(world.rt, world.id_of(f"가게 {number}"))
    assert len(recovery.recover(world.rt)) == 1


def test_what_was_opened_without_a_queue_at_hand_is_found(world: World) -> None:
    call = queued(world)
    assert recovery.unsent_calls(world.rt) == [call]
    recovery.note_sent(world.rt, [call.sync_id])
    assert recovery.unsent_calls(world.rt) == []


@pytest.mark.parametrize("second", [0, 1, 29, 30, 31, 59])
def test_by_default_a_killed_worker_s_sync_goes_on_within_two_and_a_half_minutes(world: World, second: int) -> None:
    world.shop(products=600)
    call = schedules.request_sync(world.rt, world.id_of())[0]
    recovery.note_sent(world.rt, [call.sync_id])
    world.clock.set_wall(world.clock.now().replace(second=second, microsecond=0))
    die(world, call, at_search=2)
    killed_at = world.clock.now()
    found: list[Call] = []
    while not found:
        # periodiq ticks at the full minute, and that tick looks once more half a minute later.
        now = world.clock.now()
        world.clock.set_wall(now.replace(second=now.second // 30 * 30, microsecond=0) + timedelta(seconds=30))
        found = recovery.recover(world.rt)
    # Half a minute is left for the queue, and for a worker to be free.
    assert world.clock.now() - killed_at <= timedelta(seconds=120)
    assert world.run(call.sync_id).state == State.SUCCEEDED
    assert world.searches() == [1, 2, 2]
