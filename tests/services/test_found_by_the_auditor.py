"""Defects that the auditor and the random walks have found, each by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from db.schedules import SyncSchedule
from db.sync_logs import State
from services import schedules, sellers, syncing
from tests.world import World


def test_a_cancelled_sync_leaves_no_attempt_open(world: World) -> None:
    shop = world.shop(products=600)
    shop.before_page(2, lambda _: syncing.cancel(world.rt, world.id_of()))
    sync = world.sync()
    assert sync.state == State.CANCELLED
    assert [(row.code, row.ended_at) for row in world.attempts(sync.id)] == [("cancelled", sync.finished_at)]


def test_a_block_stays_told_when_a_sync_then_fails_for_another_cause(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    world.sync()
    world.sync()
    assert world.open_notifications() == [("schedule_blocked", 1)]
    shop.faults.add("bad_request")
    shop.faults.add("maintenance", endpoint="token")
    sync = world.sync()
    while sync.state == State.WAITING:
        world.clock.advance(timedelta(minutes=20))
        sync = world.run(sync.id)
    assert sync.code == "naver_maintenance"
    assert world.schedule().blocked_code == "credentials_refused"
    assert [code for code, _ in world.open_notifications()] == ["schedule_blocked"]
    shop.faults.clear()
    sellers.switch_key(world.rt, world.id_of(), enabled=False)
    world.sync()
    assert world.schedule().blocked_code == "credentials_disabled"
    assert [code for code, _ in world.open_notifications()] == ["schedule_blocked"]


def test_a_message_that_comes_early_does_not_shorten_the_wait_when_there_is_no_room(
    make_world: Callable[..., World],
) -> None:
    world = make_world(max_concurrent=1)
    world.shop("가").faults.add("maintenance")
    world.shop("나")
    waiting = world.sync("가")
    assert waiting.state == State.WAITING
    busy, _ = schedules.request_sync(world.rt, world.id_of("나"))
    world.meter.requests.clear()
    world.meter.on_request = {("products_search", 1): lambda: world.turn(waiting.id)}
    world.run(busy.sync_id)
    after = world.sync_log(waiting.id)
    assert (after.state, after.next_attempt_at) == (State.WAITING, waiting.next_attempt_at)


def meanwhile(world: World, *steps: tuple[str, Callable[[], object]]) -> None:
    """Let things happen one after the other, each right before the first statement that begins so."""
    left = list(steps)

    def before(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if left and sql.startswith(left[0][0]):
            left.pop(0)[1]()

    event.listen(world.rt.database.engine, "before_cursor_execute", before)


@pytest.mark.parametrize("database_backend", ["postgresql"])
def test_an_instant_is_kept_when_a_sync_comes_and_goes_while_it_is_claimed(make_world: Callable[..., World]) -> None:
    world, other = make_world(), make_world()
    world.shop()
    due = world.schedule().next_run
    world.clock.advance(timedelta(hours=4))

    meanwhile(
        world,
        ("INSERT INTO sync_logs", lambda: schedules.request_sync(other.rt, other.id_of())),
        ("SELECT sync_logs", lambda: syncing.cancel(other.rt, other.id_of())),
    )
    assert schedules.open_due_syncs(world.rt) == []
    assert world.schedule().next_run == due
    (call,) = schedules.open_due_syncs(world.rt)
    assert world.sync_log(call.sync_id).scheduled_for == due


@pytest.mark.parametrize("database_backend", ["postgresql"])
def test_sync_now_opens_one_when_the_live_one_ends_at_that_moment(make_world: Callable[..., World]) -> None:
    world, other = make_world(), make_world()
    world.shop()
    first, _ = schedules.request_sync(other.rt, other.id_of())
    meanwhile(world, ("SELECT sync_logs", lambda: syncing.cancel(other.rt, other.id_of())))
    call, joined = schedules.request_sync(world.rt, world.id_of())
    assert not joined
    assert call.sync_id != first.sync_id
    assert world.sync_log(call.sync_id).state == State.QUEUED


def test_a_schedule_that_cannot_be_followed_stays_blocked_whatever_becomes_of_the_key(world: World) -> None:
    shop = world.shop()
    with world.rt.database.transaction() as session:
        session.get_one(SyncSchedule, world.id_of()).cron = "every day"
    world.clock.advance(timedelta(hours=4))
    (call,) = schedules.open_due_syncs(world.rt)
    assert world.schedule().blocked_code == schedules.UNUSABLE
    secret = shop.secret
    shop.change_secret()
    assert world.run(call.sync_id).code == "credentials_refused"
    shop.change_secret(secret)
    assert sellers.try_key(world.rt, world.id_of()).error is None
    assert world.sync().state == State.SUCCEEDED
    assert world.schedule().blocked_code == schedules.UNUSABLE
    assert world.open_notifications() == [("schedule_blocked", 1)]
