from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from db.heartbeats import beat
from db.incidents import Incident
from db.notifications import Notification
from db.schedules import SyncSchedule
from db.sellers import Seller
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog
from services import recovery, schedules
from services.diagnosis import examine
from services.explaining import explanation, facts_of
from services.texts import Sentence
from tests.world import World

SHOPS = [f"가게 {number}" for number in range(8)]


def open_shops(world: World) -> None:
    for name in SHOPS:
        world.shop(name, products=5)
    # Behind every seller's own phase, so that four hours are one instant.
    world.clock.advance(timedelta(minutes=15))


def all_fall_due(world: World) -> list[int]:
    world.clock.advance(timedelta(hours=4))
    return [call.sync_id for call in schedules.open_due_syncs(world.rt)]


def name_of(world: World, sync_id: int) -> str:
    return world.rows(Seller, id=world.sync_log(sync_id).seller_id)[0].name


def all_fail(world: World, kind: str = "maintenance") -> None:
    for name in SHOPS:
        world.naver.seller(name).faults.add(kind)
    for sync_id in all_fall_due(world):
        world.run(sync_id)


def test_many_that_fail_for_one_cause_are_one_incident_with_one_notification(world: World) -> None:
    open_shops(world)
    all_fail(world)
    assert [(row.code, row.resolved_at) for row in world.rows(Incident)] == [("naver_maintenance", None)]
    while world.live():
        world.clock.advance(timedelta(minutes=20))
        for sync in world.live():
            world.run(sync.id)
    assert world.open_notifications() == [("platform_incident", 1)]
    assert len(world.rows(Notification)) == 1


def test_what_a_person_must_mend_for_all_is_one_incident_too(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    assert world.open_notifications() == [("platform_incident", 1)]
    (open_one,) = [row for row in world.rows(Notification) if row.resolved_at is None]
    assert open_one.person_must_act


def test_while_it_lasts_one_seller_probes_and_the_others_are_held(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    (probe,) = all_fall_due(world)
    assert schedules.open_due_syncs(world.rt) == []
    world.run(probe)
    assert schedules.open_due_syncs(world.rt) == []
    # It failed like the others, so after a while another one may try.
    world.clock.advance(timedelta(minutes=5, seconds=1))
    assert len(schedules.open_due_syncs(world.rt)) == 1


def test_places_that_probes_give_back_at_once_do_not_use_up_the_fleet(make_world: Callable[..., World]) -> None:
    world = make_world(max_concurrent=2)
    open_shops(world)
    shops = [*SHOPS, *(f"또 다른 가게 {number}" for number in range(4))]
    for name in shops[len(SHOPS) :]:
        world.shop(name, products=5)
    for name in shops:
        world.naver.seller(name).faults.add("ip_not_allowed")
    world.clock.advance(timedelta(minutes=15))
    todo = all_fall_due(world)
    recovery.note_sent(world.rt, todo)
    while todo:
        freed = [call.sync_id for call in world.turn(todo.pop()).calls]
        recovery.note_sent(world.rt, freed)
        todo += freed
    assert [row.code for row in world.rows(Incident)] == ["call_ip_not_allowed"]
    # Five showed it, before which places were given to others; none of the rest was opened to fail as well.
    assert len(world.rows(SyncAttempt)) < len(shops)
    assert sum(row.next_run <= world.clock.now() for row in world.rows(SyncSchedule)) == len(shops) - len(
        world.rows(SyncAttempt)
    )


def test_a_wrong_clock_is_one_incident(world: World) -> None:
    open_shops(world)
    for name in SHOPS:
        world.naver.seller(name).faults.add("token_bad_request", field="timestamp")
    for sync_id in all_fall_due(world):
        world.run(sync_id)
    assert [row.code for row in world.rows(Incident)] == ["clock_skewed"]
    assert world.open_notifications() == [("platform_incident", 1)]


def test_a_refusal_that_all_share_and_that_comes_again_blocks_nobody_either(world: World) -> None:
    open_shops(world)
    for _ in range(3):
        all_fail(world, "authn_401")
        world.clock.advance(timedelta(seconds=1))
        for name in SHOPS:
            world.naver.seller(name).faults.clear()
        # One that was not refused ends it; the others have not succeeded by the next time.
        assert world.sync(SHOPS[7]).state == State.SUCCEEDED
    assert not any(row.blocked_code for row in world.rows(SyncSchedule))
    assert len(world.rows(Incident)) == 3


def test_an_attempt_of_a_clock_that_was_ahead_counts_as_one_of_now(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    world.clock.advance(timedelta(seconds=1))
    for name in SHOPS:
        world.naver.seller(name).faults.clear()
    assert world.sync(SHOPS[0]).state == State.SUCCEEDED
    world.clock.set_wall(world.clock.now() - timedelta(hours=1))
    recovery.recover(world.rt)
    world.clock.advance(timedelta(minutes=6))
    world.naver.seller(SHOPS[1]).faults.add("ip_not_allowed")
    world.sync(SHOPS[1])
    assert [row.resolved_at is not None for row in world.rows(Incident)] == [True]


def test_the_first_sync_that_works_ends_it_and_the_others_follow_spread_out(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    for name in SHOPS:
        world.naver.seller(name).faults.clear()
    (probe,) = all_fall_due(world)
    assert world.run(probe).state == State.SUCCEEDED
    assert world.open_notifications() == []
    assert all(row.resolved_at is not None for row in world.rows(Incident))
    held = [row.held_until for row in world.rows(SyncSchedule) if row.held_until is not None]
    assert len(held) == len(set(held)) == len(SHOPS) - 1
    assert max(held) < world.clock.now() + timedelta(minutes=10)
    opened = len(schedules.open_due_syncs(world.rt))
    assert opened < len(SHOPS) - 1
    world.clock.advance(timedelta(minutes=10))
    opened += len(schedules.open_due_syncs(world.rt))
    assert opened == len(SHOPS) - 1
    assert all(row.held_until is None for row in world.rows(SyncSchedule))
    instants = [(row.seller_id, row.scheduled_for) for row in world.rows(SyncLog)]
    assert len(instants) == len(set(instants)) == 2 * len(SHOPS)


def test_a_success_that_began_before_it_does_not_end_it(world: World) -> None:
    open_shops(world)
    world.shop("늦은 가게", products=600)
    call, _ = schedules.request_sync(world.rt, world.id_of("늦은 가게"))
    world.meter.on_request = {("products_search", 1): lambda: all_fail(world, "ip_not_allowed")}
    world.meter.requests.clear()
    world.turn(call.sync_id)
    assert [row.resolved_at for row in world.rows(Incident)] == [None]


@pytest.mark.parametrize(("own", "held"), [("null_contents", 0), ("maintenance", 1)])
def test_a_probe_that_waits_holds_up_the_others_for_minutes_and_only_for_the_incident_s_cause(
    world: World, own: str, held: bool
) -> None:
    open_shops(world)
    all_fail(world)
    while world.live():
        world.clock.advance(timedelta(minutes=20))
        for sync in world.live():
            world.run(sync.id)
    (probe,) = all_fall_due(world)
    shop = world.naver.seller(name_of(world, probe))
    shop.faults.clear()
    shop.faults.add(own)
    assert world.run(probe).state == State.WAITING
    assert len(schedules.open_due_syncs(world.rt)) == (not held)
    if held:
        world.clock.advance(timedelta(minutes=5, seconds=1))
        assert len(schedules.open_due_syncs(world.rt)) == 1
    assert world.sync_log(probe).state == State.WAITING


def test_a_refusal_that_all_share_blocks_nobody(world: World) -> None:
    open_shops(world)
    all_fail(world, "authn_401")
    for _ in range(3):
        for sync_id in all_fall_due(world):
            world.run(sync_id)
    assert [row.code for row in world.rows(Incident)] == ["access_denied"]
    assert world.open_notifications() == [("platform_incident", 1)]
    assert not any(row.blocked_code for row in world.rows(SyncSchedule))
    for name in SHOPS:
        world.naver.seller(name).faults.clear()
    assert world.sync(SHOPS[0]).state == State.SUCCEEDED
    world.clock.advance(timedelta(minutes=10))
    assert len(schedules.open_due_syncs(world.rt)) == len(SHOPS) - 1


def test_a_key_that_is_wrong_all_the_same_is_blocked_after_it(world: World) -> None:
    open_shops(world)
    all_fail(world, "authn_401")
    world.clock.advance(timedelta(seconds=1))
    for name in SHOPS[:7]:
        world.naver.seller(name).faults.clear()
        assert world.sync(name).state == State.SUCCEEDED
    for _ in range(2):
        world.sync(SHOPS[7])
    assert world.schedule(SHOPS[7]).blocked_code == "access_denied"
    assert world.open_notifications() == [("schedule_blocked", 1)]


def test_a_turn_of_pages_ends_it_before_the_end_of_a_large_catalogue(make_world: Callable[..., World]) -> None:
    world = make_world(slice="1")
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    world.shop("큰 가게", products=2_000)
    world.clock.advance(timedelta(seconds=1))
    call, _ = schedules.request_sync(world.rt, world.id_of("큰 가게"))
    world.meter.on_request = {("products_search", 2): lambda: world.clock.advance(timedelta(seconds=60))}
    world.meter.requests.clear()
    world.turn(call.sync_id)
    assert world.sync_log(call.sync_id).state == State.QUEUED
    assert all(row.resolved_at is not None for row in world.rows(Incident))


def test_one_seller_s_trouble_is_no_incident(world: World) -> None:
    open_shops(world)
    world.naver.seller(SHOPS[0]).faults.add("ip_not_allowed")
    for sync_id in all_fall_due(world):
        world.run(sync_id)
    assert world.rows(Incident) == []
    assert world.open_notifications() == [("call_ip_not_allowed", 1)]


def test_wrong_keys_of_many_are_no_incident(world: World) -> None:
    open_shops(world)
    for name in SHOPS:
        world.naver.seller(name).change_secret()
    for sync_id in all_fall_due(world):
        world.run(sync_id)
    assert world.rows(Incident) == []
    assert len(world.open_notifications()) == len(SHOPS)


def test_a_person_s_sync_goes_ahead_in_an_incident(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    world.naver.seller(SHOPS[3]).faults.clear()
    world.clock.advance(timedelta(seconds=1))
    assert world.sync(SHOPS[3]).state == State.SUCCEEDED
    assert world.open_notifications() == []


def test_a_seller_who_is_held_is_told_why_and_so_is_the_operator(world: World) -> None:
    open_shops(world)
    all_fail(world, "ip_not_allowed")
    all_fall_due(world)
    name = next(name for name in SHOPS if world.schedule(name).next_run <= world.clock.now())

    def sentences() -> set[str]:
        return {
            each.key if isinstance(each, Sentence) else each.code
            for each in explanation(facts_of(world.rt, world.id_of(name)))
        }

    def tick() -> None:
        with world.rt.database.transaction() as session:
            beat(session, "find_due_schedules", world.clock.now())

    tick()
    assert {"explain.due_incident", "platform_incident"} <= sentences()
    world.clock.advance(timedelta(minutes=5))
    found = {each.code for each in examine(world.rt.settings, world.clock.now())}
    assert {"incident", "overdue_incident"} <= found
    for shop in SHOPS:
        world.naver.seller(shop).faults.clear()
    world.run(world.live()[0].id)
    held = world.schedule(name).held_until
    assert held is not None
    tick()
    assert "explain.due_held" in sentences()
