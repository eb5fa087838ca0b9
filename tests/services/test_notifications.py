from __future__ import annotations

from datetime import timedelta

from db.notifications import Notification, mark_read, notifications
from tests.world import World


def test_the_same_failure_is_one_notification_for_as_long_as_it_lasts(world: World) -> None:
    shop = world.shop()
    shop.faults.add("bad_request")
    for _ in range(3):
        world.sync()
        world.clock.advance(timedelta(hours=4))
    assert world.open_notifications() == [("request_refused", 3)]
    shop.faults.clear()
    world.sync()
    assert world.open_notifications() == []
    (row,) = world.rows(Notification)
    assert row.resolved_at == world.clock.now()


def test_another_cause_takes_its_place_and_is_unread(world: World) -> None:
    shop = world.shop()
    shop.faults.add("bad_request", times=1)
    world.sync()
    with world.rt.database.transaction() as session:
        assert mark_read(session, world.clock.now()) == 1
        assert mark_read(session, world.clock.now(), 1) == 0
    shop.faults.add("quota")
    world.sync()
    assert world.open_notifications() == [("quota_exhausted", 1)]
    assert [row.read_at is None for row in world.rows(Notification)] == [False, True]


def test_a_failure_that_is_still_being_retried_is_not_told(world: World) -> None:
    world.shop().faults.add("maintenance")
    world.sync()
    assert world.open_notifications() == []


def test_who_must_act_is_said(world: World) -> None:
    shop = world.shop()
    shop.faults.add("ip_not_allowed", times=1)
    world.sync()
    shop.faults.add("maintenance")
    sync = world.sync()
    while sync.next_attempt_at is not None:
        world.clock.advance(timedelta(minutes=20))
        sync = world.run(sync.id)
    assert [(row.code, row.person_must_act) for row in world.rows(Notification)] == [
        ("call_ip_not_allowed", True),
        ("naver_maintenance", False),
    ]


def test_notifications_are_paged_by_id(world: World) -> None:
    for name in ("가", "나", "다"):
        world.shop(name).faults.add("quota")
        world.sync(name)
    with world.rt.database.transaction() as session:
        newest, *_ = notifications(session, limit=1)
        older = notifications(session, only_open=False, before_id=newest.id)
    assert [row.id for row in older] == [newest.id - 1, newest.id - 2]
