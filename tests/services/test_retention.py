from __future__ import annotations

from datetime import timedelta

from db.notifications import Notification
from db.product_changes import ProductChange
from db.sync_attempts import SyncAttempt
from db.sync_logs import State, SyncLog
from services import retention
from tests.world import World


def test_old_history_is_forgotten_but_what_the_catalogue_rests_on(world: World) -> None:
    shop = world.shop()
    world.sync()
    shop.catalogue.change_price(shop.catalogue.numbers()[0], 77)
    proven = world.sync()
    old = shop.secret
    shop.change_secret()
    failed = world.sync()
    shop.change_secret(old)
    world.clock.advance(timedelta(days=91))
    changes = len(world.changes())
    gone = retention.prune(world.rt)
    assert changes > 0
    assert gone == {"syncs": 1, "changes": changes, "notifications": 0}
    assert [sync.id for sync in world.rows(SyncLog)] == [proven.id, failed.id]
    assert {attempt.sync_id for attempt in world.rows(SyncAttempt)} == {proven.id, failed.id}
    assert world.rows(ProductChange) == []
    assert len(world.products()) == 30
    assert world.sync().state == State.SUCCEEDED


def test_what_still_lasts_is_not_forgotten(world: World) -> None:
    world.shop().change_secret()
    world.sync()
    world.clock.advance(timedelta(days=365))
    retention.prune(world.rt)
    assert len(world.rows(Notification)) == 1


def test_history_is_pruned_once_a_day(world: World) -> None:
    assert retention.prune_daily(world.rt) is not None
    world.clock.advance(timedelta(hours=1))
    assert retention.prune_daily(world.rt) is None
    world.clock.advance(timedelta(hours=20))
    assert retention.prune_daily(world.rt) is not None


def test_the_last_that_wrote_is_kept_so_that_no_old_page_is_taken_for_unchanged(world: World) -> None:
    shop = world.shop(products=600)
    world.sync()
    number = shop.catalogue.numbers()[0]
    price = shop.catalogue.item(number)["channelProducts"][0]["salePrice"]
    shop.catalogue.change_price(number, price + 1)
    shop.faults.add("missing_price", page=2, times=1)
    assert world.sync().state == State.PARTIAL
    shop.catalogue.change_price(number, price)
    shop.faults.add("bad_request", times=1)
    world.clock.advance(timedelta(days=91))
    assert world.sync().state == State.FAILED
    retention.prune(world.rt)
    assert world.sync().state == State.SUCCEEDED
    assert world.products()[number].sale_price == price
