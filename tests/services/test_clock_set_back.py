"""A clock that was an hour ahead is set right: nothing waits for the hour to pass again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db.clock_steps import SLACK
from db.incidents import Incident
from db.schedules import SyncSchedule
from db.sync_logs import State
from services import recovery, schedules
from services.schedules import Call
from tests.services.test_incidents import SHOPS, all_fail, all_fall_due, open_shops
from tests.services.test_recovery import die, queued
from tests.world import World

HOUR = timedelta(hours=1)


def set_back(world: World, by: timedelta = HOUR) -> None:
    world.clock.set_wall(world.clock.now() - by)


def minutes_until_found(world: World) -> list[Call]:
    """Let recovery tick as it does, for as long as a dead worker's sync may take at most."""
    for _ in range(12):
        if found := recovery.recover(world.rt):
            return found
        world.clock.advance(timedelta(minutes=1))
    return []


def test_a_dead_worker_s_sync_is_found_as_if_the_clock_had_been_right(world: World) -> None:
    world.shop(products=1100)
    call = schedules.request_sync(world.rt, world.id_of())[0]
    recovery.note_sent(world.rt, [call.sync_id])
    die(world, call, at_search=2)
    set_back(world)
    began = world.clock.now()
    assert minutes_until_found(world) == [call]
    assert world.clock.now() - began <= timedelta(minutes=4)
    assert world.run(call.sync_id).state == State.SUCCEEDED
    assert world.searches() == [1, 2, 2, 3]


def test_a_message_that_was_lost_is_found_lost(world: World) -> None:
    call = queued(world)
    recovery.note_sent(world.rt, [call.sync_id])
    set_back(world)
    began = world.clock.now()
    assert minutes_until_found(world) == [call]
    assert world.clock.now() - began <= world.rt.settings.recovery_resend + timedelta(minutes=1)


def test_a_retry_comes_no_later_than_the_longest_pause(world: World) -> None:
    world.shop().faults.add("maintenance", times=1)
    sync = world.sync()
    recovery.note_sent(world.rt, [sync.id])
    recovery.note_retry(world.rt, sync.id, timedelta(minutes=6))
    set_back(world)
    assert recovery.recover(world.rt) == []
    waits = world.sync_log(sync.id).next_attempt_at
    assert waits == world.clock.now() + world.rt.settings.retry_max_backoff
    world.clock.advance(world.rt.settings.retry_max_backoff + timedelta(minutes=2))
    assert [each.sync_id for each in recovery.recover(world.rt)] == [sync.id]


def test_an_incident_ends_with_the_next_sync_that_works(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    set_back(world)
    recovery.recover(world.rt)
    (incident,) = world.rows(Incident)
    assert incident.opened_at == world.clock.now()
    world.clock.advance(timedelta(seconds=1))
    world.naver.seller(SHOPS[0]).faults.clear()
    assert world.sync(SHOPS[0]).state == State.SUCCEEDED
    assert [row.resolved_at for row in world.rows(Incident)] == [world.clock.now()]


def test_what_an_incident_held_is_let_go_within_its_window(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    for name in SHOPS:
        world.naver.seller(name).faults.clear()
    (probe,) = all_fall_due(world)
    assert world.run(probe).state == State.SUCCEEDED
    set_back(world)
    recovery.recover(world.rt)
    held = [row.held_until for row in world.rows(SyncSchedule) if row.held_until is not None]
    assert held
    assert max(held) <= world.clock.now() + timedelta(minutes=10)


def test_instants_that_a_clock_far_ahead_has_passed_over_come_all_the_same(world: World) -> None:
    world.shop()
    right, instant = world.clock.now(), world.schedule().next_run
    world.clock.set_wall(right + timedelta(days=30))
    (call,) = schedules.open_due_syncs(world.rt)
    assert world.run(call.sync_id).state == State.SUCCEEDED
    world.clock.set_wall(right)
    # The one instant that was opened has had its sync; the next one is four hours later, not thirty days.
    assert schedules.open_due_syncs(world.rt) == []
    world.clock.set_wall(instant)
    assert schedules.open_due_syncs(world.rt) == []
    world.clock.set_wall(instant + timedelta(hours=4))
    assert len(schedules.open_due_syncs(world.rt)) == 1


def test_a_clock_that_a_sync_shows_to_have_been_ahead_is_noticed_without_its_ticks(world: World) -> None:
    world.shop()
    right, instant = world.clock.now(), world.schedule().next_run
    with world.rt.database.transaction() as session:
        assert len(schedules.claim_due(session, world.rt, right + timedelta(days=3))[0]) == 1
    assert world.schedule().next_run > right + timedelta(days=3)
    schedules.open_due_syncs(world.rt)
    # The instant that it opened has had its sync; the next one comes.
    assert world.schedule().next_run == instant + timedelta(hours=4)


@pytest.mark.parametrize("seconds", [30, 59])
def test_hosts_that_disagree_by_seconds_change_nothing(world: World, seconds: int) -> None:
    world.shop(products=1100)
    call = schedules.request_sync(world.rt, world.id_of())[0]
    recovery.note_sent(world.rt, [call.sync_id])
    die(world, call, at_search=2)
    before = world.sync_log(call.sync_id)
    assert timedelta(seconds=seconds) < SLACK
    set_back(world, timedelta(seconds=seconds))
    recovery.recover(world.rt)
    after = world.sync_log(call.sync_id)
    assert (after.lease_until, after.sent_at) == (before.lease_until, before.sent_at)
