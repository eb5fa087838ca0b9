from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from db.schedules import SyncSchedule
from db.sync_logs import State, SyncLog
from services import cadence, recovery, schedules, sellers
from services.schedules import Call
from tests.world import World


def all_fall_due(world: World) -> None:
    world.clock.advance(timedelta(hours=4))


def idle_seller(world: World) -> int:
    """Return a seller without a live sync."""
    busy = {sync.seller_id for sync in world.live()}
    return next(row.seller_id for row in world.rows(SyncSchedule) if row.seller_id not in busy)


def test_a_due_schedule_opens_one_sync_for_its_instant(world: World) -> None:
    world.shop()
    due = world.schedule().next_run
    all_fall_due(world)
    (call,) = schedules.open_due_syncs(world.rt)
    sync = world.sync_log(call.sync_id)
    assert (sync.scheduled_for, sync.state, sync.sent_at) == (due, State.QUEUED, None)
    assert world.schedule().next_run == due + timedelta(hours=4)


def test_what_is_not_due_opens_nothing(world: World) -> None:
    world.shop()
    assert schedules.open_due_syncs(world.rt) == []


def test_missed_instants_become_one_late_sync(world: World) -> None:
    world.shop()
    world.clock.advance(timedelta(days=3, hours=1))
    assert len(schedules.open_due_syncs(world.rt)) == 1
    assert world.schedule().next_run > world.clock.now()


def test_a_second_ticker_changes_nothing(world: World, make_world: Callable[..., World]) -> None:
    for number in range(20):
        world.shop(f"가게 {number}", products=0)
    all_fall_due(world)
    tickers = [world, make_world()]
    with ThreadPoolExecutor(2) as pool:
        opened = [
            call for calls in pool.map(lambda ticker: schedules.open_due_syncs(ticker.rt), tickers) for call in calls
        ]
    assert len(opened) == len({call.sync_id for call in opened}) == 20
    assert len(world.rows(SyncLog)) == 20


def test_an_instant_that_falls_into_a_live_sync_is_served_when_that_one_ends(world: World) -> None:
    world.shop()
    call, _ = schedules.request_sync(world.rt, world.id_of())
    all_fall_due(world)
    assert schedules.open_due_syncs(world.rt) == []
    world.run(call.sync_id)
    assert len(schedules.open_due_syncs(world.rt)) == 1


def test_more_due_schedules_than_a_batch_are_all_opened(world: World) -> None:
    for number in range(schedules.BATCH + 5):
        sellers.add_seller(world.rt, f"가게 {number}", client_id=None, secret=None)
    all_fall_due(world)
    assert len(schedules.open_due_syncs(world.rt)) == schedules.BATCH + 5


def test_a_scheduler_that_is_switched_off_opens_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(scheduler_enabled=False)
    world.shop()
    all_fall_due(world)
    assert schedules.open_due_syncs(world.rt) == []


def test_a_schedule_that_is_switched_off_opens_nothing(world: World) -> None:
    world.shop()
    schedules.change_schedule(world.rt, world.id_of(), enabled=False)
    all_fall_due(world)
    assert schedules.open_due_syncs(world.rt) == []


def test_switched_on_again_it_starts_with_the_next_instant_and_no_burst(world: World) -> None:
    world.shop()
    schedules.change_schedule(world.rt, world.id_of(), enabled=False)
    world.clock.advance(timedelta(days=2))
    schedules.change_schedule(world.rt, world.id_of(), enabled=True)
    assert schedules.open_due_syncs(world.rt) == []
    assert world.schedule().next_run > world.clock.now()


def test_a_schedule_that_other_hands_have_spoilt_does_not_keep_the_others_waiting(world: World) -> None:
    for name in ("가", "나"):
        world.shop(name)
    with world.rt.database.transaction() as session:
        session.get_one(SyncSchedule, world.id_of("가")).cron = "every day"
    all_fall_due(world)
    schedules.open_due_syncs(world.rt)
    assert {sync.seller_id for sync in world.live()} == {world.id_of("가"), world.id_of("나")}
    assert (world.schedule("가").enabled, world.schedule("가").blocked_code) == (True, schedules.UNUSABLE)
    assert world.open_notifications() == [("schedule_blocked", 1)]
    for sync in world.live():
        world.run(sync.id)
    assert world.schedule("가").blocked_code == schedules.UNUSABLE
    schedules.change_schedule(world.rt, world.id_of("가"), cron=cadence.PRESETS["4h"])
    assert (world.schedule("가").blocked_code, world.open_notifications()) == (None, [])


def test_sync_now_joins_a_live_sync(world: World) -> None:
    world.shop()
    first, joined = schedules.request_sync(world.rt, world.id_of())
    assert not joined
    assert schedules.request_sync(world.rt, world.id_of()) == (first, True)


def test_sync_now_hurries_a_waiting_sync(world: World) -> None:
    shop = world.shop()
    shop.faults.add("maintenance", times=1)
    waiting = world.sync()
    call, joined = schedules.request_sync(world.rt, world.id_of())
    assert (call.sync_id, call.urgent, joined) == (waiting.id, True, True)
    assert world.run(call.sync_id).state == State.SUCCEEDED


def test_the_cap_holds_for_what_is_opened_and_what_is_taken(make_world: Callable[..., World]) -> None:
    world = make_world(max_concurrent=2)
    for number in range(5):
        world.shop(f"가게 {number}", products=600)
    all_fall_due(world)
    calls = schedules.open_due_syncs(world.rt)
    assert len(calls) == 2
    now, _ = schedules.request_sync(world.rt, idle_seller(world))
    running = []

    def look() -> None:
        world.turn(now.sync_id)
        running.append(len([sync for sync in world.live() if sync.state == State.RUNNING]))

    def hold() -> None:
        world.meter.on_request[("products_search", 2)] = look
        world.turn(calls[1].sync_id)

    world.meter.on_request = {("products_search", 1): hold}
    world.turn(calls[0].sync_id)
    assert running == [2]
    assert world.sync_log(now.sync_id).state == State.QUEUED
    assert world.sync_log(now.sync_id).attempt == 0


def test_a_place_that_is_given_back_is_filled_at_once_with_the_urgent_first(make_world: Callable[..., World]) -> None:
    world = make_world(max_concurrent=1)
    for number in range(3):
        world.shop(f"가게 {number}", products=0)
    all_fall_due(world)
    (first,) = schedules.open_due_syncs(world.rt)
    urgent, _ = schedules.request_sync(world.rt, idle_seller(world))
    calls = world.turn(first.sync_id).calls
    assert calls == [Call(urgent.sync_id, urgent=True)]
    ended = 1
    while calls:
        (call,) = calls
        calls = world.turn(call.sync_id).calls
        ended += 1
    # Three due instants, and the one that a person asked for.
    assert (ended, world.live()) == (4, [])


def test_two_authentication_failures_block_the_schedule_and_one_notification_stands(world: World) -> None:
    shop = world.shop()
    old = shop.secret
    shop.change_secret()
    world.sync()
    assert world.schedule().blocked_code is None
    assert world.open_notifications() == [("credentials_refused", 1)]
    world.sync()
    assert world.schedule().blocked_code == "credentials_refused"
    assert world.open_notifications() == [("schedule_blocked", 1)]
    all_fall_due(world)
    assert schedules.open_due_syncs(world.rt) == []
    shop.change_secret(old)
    assert world.sync().state == State.SUCCEEDED
    assert (world.schedule().blocked_code, world.open_notifications()) == (None, [])


def test_a_transient_failure_in_between_starts_the_count_anew(world: World) -> None:
    shop = world.shop()
    old = shop.secret
    shop.change_secret()
    world.sync()
    shop.change_secret(old)
    shop.faults.add("bad_request", times=1)
    world.sync()
    shop.change_secret()
    world.sync()
    assert world.schedule().blocked_code is None


def test_an_unregistered_call_ip_is_told_but_does_not_block(world: World) -> None:
    shop = world.shop()
    shop.faults.add("ip_not_allowed")
    world.sync()
    world.sync()
    assert world.schedule().blocked_code is None
    assert world.open_notifications() == [("call_ip_not_allowed", 2)]


def test_failures_of_a_seller_who_wants_no_notifications_are_not_told_but_a_block_is(world: World) -> None:
    shop = world.shop()
    schedules.change_schedule(world.rt, world.id_of(), notify=False)
    shop.change_secret()
    world.sync()
    assert world.open_notifications() == []
    world.sync()
    assert world.open_notifications() == [("schedule_blocked", 1)]


def test_a_failed_sync_moves_its_schedule_on_like_any_other(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    all_fall_due(world)
    (call,) = schedules.open_due_syncs(world.rt)
    world.run(call.sync_id)
    assert world.schedule().next_run > world.clock.now()
    assert world.schedule().last_run == world.clock.now()


def test_a_new_cadence_counts_from_now(world: World) -> None:
    world.shop()
    schedules.change_schedule(world.rt, world.id_of(), cron=cadence.PRESETS["daily"], zone="Asia/Seoul")
    phase = cadence.phase(world.id_of(), world.rt.settings.spread)
    local = (world.schedule().next_run - phase).astimezone(ZoneInfo("Asia/Seoul"))
    assert (local.hour, local.minute) == (2, 0)


def test_a_bad_cadence_is_refused_and_changes_nothing(world: World) -> None:
    world.shop()
    before = world.schedule()
    with pytest.raises(cadence.CadenceError):
        schedules.change_schedule(world.rt, world.id_of(), cron="61 * * * *", enabled=False)
    assert (world.schedule().cron, world.schedule().enabled) == (before.cron, True)


def test_an_unknown_seller_has_no_schedule_to_change(world: World) -> None:
    with pytest.raises(LookupError):
        schedules.change_schedule(world.rt, 4711, enabled=True)


def test_a_seller_with_a_bad_cadence_is_not_registered(world: World) -> None:
    with pytest.raises(cadence.CadenceError):
        sellers.add_seller(world.rt, "한빛상회", client_id=None, secret=None, cron="* * *")
    with pytest.raises(sellers.SellerUnknown):
        world.id_of()


def test_with_a_cap_a_long_sync_lets_the_others_have_their_turn(make_world: Callable[..., World]) -> None:
    world = make_world(max_concurrent=1, slice=timedelta(seconds=0.5))
    world.shop("큰 가게", products=3000)
    world.shop("작은 가게", products=5)
    long, _ = schedules.request_sync(world.rt, world.id_of("큰 가게"))
    with world.rt.database.transaction() as session:
        session.get_one(SyncSchedule, world.id_of("작은 가게")).next_run = world.clock.now()
    order = []
    calls = world.turn(long.sync_id).calls
    while calls:
        (call,) = calls
        order.append(world.sync_log(call.sync_id).seller_id)
        calls = world.turn(call.sync_id).calls
    assert order[0] == world.id_of("작은 가게")
    assert set(order[1:]) == {world.id_of("큰 가게")}
    assert [sync.state for sync in world.rows(SyncLog)] == [State.SUCCEEDED, State.SUCCEEDED]


def work_in_saturation(world: World, calls: list[Call], rounds: int, *, always_due: Sequence[str]) -> list[int]:
    """Let a cap of one be used up all the time while recovery and ticker look; return whose turn it was each time."""
    order: list[int] = []
    seller_ids = [world.id_of(name) for name in always_due]

    def fall_due() -> None:
        with world.rt.database.transaction() as session:
            for seller_id in seller_ids:
                schedule = session.get_one(SyncSchedule, seller_id)
                schedule.next_run = min(schedule.next_run, world.clock.now())

    def tick() -> None:
        # In mid-sync: with the only place taken, neither finds room.
        world.clock.advance(timedelta(seconds=40))
        assert recovery.recover(world.rt) == schedules.open_due_syncs(world.rt) == []

    while calls and len(order) < rounds:
        world.clock.advance(timedelta(seconds=1))
        fall_due()
        world.meter.requests.clear()
        world.meter.on_request = {("token", 1): tick}
        order.append(world.sync_log(calls[0].sync_id).seller_id)
        calls = world.turn(calls[0].sync_id).calls
        recovery.note_sent(world.rt, [call.sync_id for call in calls])
    world.meter.on_request = {}
    return order


SMALL = ("작은 가게 1", "작은 가게 2", "작은 가게 3")


@pytest.fixture
def full(make_world: Callable[..., World]) -> World:
    """A fleet with one place, and three sellers who always want it."""
    world = make_world(max_concurrent=1, slice=timedelta(seconds=0.5))
    for name in SMALL:
        world.shop(name, products=5)
    return world


def first_call(world: World) -> list[Call]:
    call, _ = schedules.request_sync(world.rt, world.id_of(SMALL[0]))
    recovery.note_sent(world.rt, [call.sync_id])
    return [call]


def test_with_every_place_always_taken_a_long_sync_goes_on_all_the_same(full: World) -> None:
    full.shop("큰 가게", products=3000)
    long, _ = schedules.request_sync(full.rt, full.id_of("큰 가게"))
    order = work_in_saturation(full, [long], 30, always_due=SMALL)
    assert full.sync_log(long.sync_id).state == State.SUCCEEDED
    assert {full.id_of(name) for name in SMALL} < set(order)


def test_with_every_place_always_taken_a_lost_message_is_found(full: World) -> None:
    full.shop("잃은 가게", products=5)
    lost, _ = schedules.request_sync(full.rt, full.id_of("잃은 가게"))
    recovery.note_sent(full.rt, [lost.sync_id])
    work_in_saturation(full, first_call(full), 24, always_due=SMALL)
    assert full.sync_log(lost.sync_id).state == State.SUCCEEDED


def test_with_every_place_always_taken_a_lost_retry_is_found(full: World) -> None:
    full.shop("잃은 가게", products=5).faults.add("maintenance", times=1)
    lost = full.sync("잃은 가게")
    recovery.note_sent(full.rt, [lost.id])
    work_in_saturation(full, first_call(full), 34, always_due=SMALL)
    assert full.sync_log(lost.id).state == State.SUCCEEDED


def test_with_every_place_always_taken_turns_come_in_the_order_of_waiting(full: World) -> None:
    order = work_in_saturation(full, first_call(full), 13, always_due=SMALL)
    assert all(len(set(three)) == 3 for three in zip(order[1:], order[2:], order[3:], strict=False))


def test_a_success_that_ends_a_block_serves_what_was_missed(world: World) -> None:
    shop = world.shop()
    old = shop.secret
    shop.change_secret()
    world.sync()
    world.sync()
    world.clock.advance(timedelta(days=3))
    shop.change_secret(old)
    assert world.sync().state == State.SUCCEEDED
    assert schedules.open_due_syncs(world.rt) == []


def test_an_instant_after_one_that_was_served_is_not_lost(world: World) -> None:
    world.shop()
    all_fall_due(world)
    (call,) = schedules.open_due_syncs(world.rt)
    served = world.sync_log(call.sync_id).scheduled_for
    world.run(call.sync_id)
    assert served is not None
    # As a host does whose clock is behind, when the schedule is changed there.
    with world.rt.database.transaction() as session:
        session.get_one(SyncSchedule, world.id_of()).next_run = served
    world.clock.advance(timedelta(hours=5))
    calls = schedules.open_due_syncs(world.rt) + schedules.open_due_syncs(world.rt)
    assert len(calls) == 1
    assert world.sync_log(calls[0].sync_id).scheduled_for == served + timedelta(hours=4)
