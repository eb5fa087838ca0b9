"""Why a seller has or has not synced: what the facts choose, and the facts themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from db import sync_leases
from db.schedules import schedule_of
from db.sync_logs import SyncLog
from services import recovery, schedules, sellers, syncing
from services.explaining import Told, explanation, facts_of, pages_of
from services.schedules import change_schedule
from services.texts import LANGUAGES, Texts
from tests.world import World

ON_SQLITE = pytest.mark.parametrize("database_backend", ["sqlite"])
"""The sentences are chosen purely; only the facts come from a database."""


def codes(world: World, name: str = "한빛상회") -> list[str]:
    items = explanation(facts_of(world.rt, world.id_of(name)))
    return [each.code if isinstance(each, Told) else each.key.removeprefix("explain.") for each in items]


def params(world: World, key: str) -> dict[str, Any]:
    items = explanation(facts_of(world.rt, world.id_of()))
    [found] = [each for each in items if not isinstance(each, Told) and each.key == f"explain.{key}"]
    return dict(found.params)


def test_a_seller_that_is_well(world: World) -> None:
    world.shop(products=12)
    world.sync()
    assert codes(world) == ["next", "succeeded"]
    assert params(world, "succeeded") == {
        "at": world.clock.now(),
        "total": 12,
        "added": 12,
        "changed": 0,
        "removed": 0,
    }
    assert params(world, "next") == {"at": world.schedule().next_run}
    assert facts_of(world.rt, world.id_of()).zone == "Asia/Seoul"


@ON_SQLITE
def test_a_seller_without_a_key_that_was_never_synced(world: World) -> None:
    sellers.add_seller(world.rt, "한빛상회", client_id=None, secret=None)
    assert codes(world) == ["credentials_missing", "next", "never"]


@ON_SQLITE
def test_a_seller_whose_key_and_schedule_are_switched_off(world: World) -> None:
    world.shop()
    sellers.switch_key(world.rt, world.id_of(), enabled=False)
    change_schedule(world.rt, world.id_of(), enabled=False)
    assert codes(world) == ["credentials_disabled", "disabled", "never"]


@ON_SQLITE
def test_a_blocked_seller(world: World) -> None:
    world.shop().change_secret()
    world.sync()
    world.sync()
    assert codes(world) == [
        "blocked",
        "schedule_blocked",
        "last_failed",
        "credentials_refused",
        "never_proven",
    ]


@ON_SQLITE
def test_a_sync_that_waits_for_its_next_attempt(world: World) -> None:
    world.shop().faults.add("maintenance")
    world.sync()
    recovery.recover(world.rt)
    assert codes(world) == ["waiting", "naver_maintenance", "next"]
    assert params(world, "waiting")["failures"] == 1


@ON_SQLITE
def test_a_queued_sync_with_and_without_anybody_at_work(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.shop()
    schedules.request_sync(world.rt, world.id_of())
    assert codes(world) == ["queued", "nobody_works", "next"]
    recovery.recover(world.rt)
    assert codes(world) == ["queued", "next"]
    capped = make_world(max_concurrent=1)
    assert codes(capped) == ["queued_capped", "next"]


def test_a_running_sync_that_has_come_so_far_and_one_whose_worker_died(world: World) -> None:
    world.shop()
    call, _ = schedules.request_sync(world.rt, world.id_of())
    with world.rt.database.transaction() as session:
        lease_until = world.clock.now() + timedelta(seconds=90)
        assert sync_leases.take(
            session, call.sync_id, world.clock.now(), lease_until, due_by=world.clock.now(), max_deaths=3
        )
    assert codes(world) == ["running", "next"]
    with world.rt.database.transaction() as session:
        sync = session.get_one(SyncLog, call.sync_id)
        sync.total_at_end, sync.next_page = 1200, 4
    assert codes(world) == ["running_page", "next"]
    told = params(world, "running_page")
    assert (told["page"], told["pages"]) == (3, 3)
    world.clock.advance(timedelta(seconds=91))
    assert codes(world) == ["lease_expired", "next"]


@ON_SQLITE
def test_why_what_is_due_does_not_start(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.shop()
    world.clock.set_wall(world.schedule().next_run + timedelta(seconds=1))
    assert codes(world) == ["due", "nobody_works", "never"]
    recovery.recover(world.rt)
    assert codes(world) == ["due", "due_soon", "never"]
    assert codes(make_world(max_concurrent=1)) == ["due", "due_capped", "never"]
    assert codes(make_world(scheduler_enabled=False)) == ["due", "scheduler_disabled", "never"]
    schedules.request_sync(world.rt, world.id_of())
    assert codes(world) == ["queued", "due", "due_after_live"]


@ON_SQLITE
def test_a_scheduler_that_is_switched_off(make_world: Callable[..., World]) -> None:
    world = make_world(scheduler_enabled=False)
    world.shop()
    assert codes(world) == ["next", "scheduler_disabled", "never"]


@ON_SQLITE
def test_a_partial_sync_after_a_proven_one_tells_of_both(world: World) -> None:
    shop = world.shop()
    world.sync()
    shop.catalogue.change_price(shop.catalogue.numbers()[0], 100)
    shop.faults.add("missing_price")
    world.sync()
    assert codes(world) == ["next", "last_partial", "records_rejected", "proven"]


@ON_SQLITE
def test_a_cancelled_sync(world: World) -> None:
    world.shop()
    schedules.request_sync(world.rt, world.id_of())
    syncing.cancel(world.rt, world.id_of())
    assert codes(world) == ["next", "last_cancelled", "never_proven"]


@ON_SQLITE
def test_held_removals_are_told(world: World) -> None:
    shop = world.shop(products=50)
    world.sync()
    shop.catalogue.shrink(0.5)
    world.sync()
    assert codes(world)[-1] == "held"
    assert params(world, "held") == {"count": 25}


@ON_SQLITE
def test_a_seller_whose_schedule_is_gone_can_still_be_explained(world: World) -> None:
    world.shop()
    with world.rt.database.transaction() as session:
        session.delete(schedule_of(session, world.id_of()))
    assert codes(world) == ["no_schedule", "never"]
    assert facts_of(world.rt, world.id_of()).zone == "Asia/Seoul"


@ON_SQLITE
@pytest.mark.parametrize(("total", "pages"), [(None, 1), (0, 1), (1, 1), (500, 1), (501, 2), (1200, 3)])
def test_pages_are_counted_by_naver_s_total(world: World, total: int | None, pages: int) -> None:
    world.shop()
    sync = world.sync()
    sync.total_at_start = sync.total_at_end = total
    assert pages_of(sync) == pages


@ON_SQLITE
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_in_the_catalogue(world: World, language: str) -> None:
    world.shop()
    texts = Texts(language)
    for item in explanation(facts_of(world.rt, world.id_of())):
        assert not isinstance(item, Told)
        assert item.told(texts) != item.key
