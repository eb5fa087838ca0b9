from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from db.products import Product
from db.sync_logs import State
from db.sync_pages import SyncPage
from services import schedules, sellers, syncing
from services.retrying import AttemptFailed
from tests.world import World


def test_a_first_sync_stores_the_whole_catalogue_and_is_proven(world: World) -> None:
    shop = world.shop(products=1203)
    sync = world.sync()
    assert (sync.state, sync.code) == (State.SUCCEEDED, None)
    assert (sync.total_at_start, sync.total_at_end, sync.seen) == (1203, 1203, 1203)
    assert (sync.added, sync.changed, sync.unchanged, sync.removed) == (1203, 0, 0, 0)
    assert world.documents() == shop.catalogue.expected()


def test_a_first_import_is_no_change_of_the_catalogue(world: World) -> None:
    world.shop()
    world.sync()
    assert world.changes() == []


def test_an_empty_shop_is_proven_too(world: World) -> None:
    world.shop(products=0)
    sync = world.sync()
    assert (sync.state, sync.seen, sync.added) == (State.SUCCEEDED, 0, 0)


def test_an_unchanged_catalogue_writes_no_product_row(world: World) -> None:
    world.shop(products=700)
    world.sync()
    before = {number: row.changed_at for number, row in world.products().items()}
    world.clock.advance(timedelta(hours=4))
    sync = world.sync()
    assert (sync.state, sync.unchanged, sync.added, sync.changed) == (State.SUCCEEDED, 700, 0, 0)
    assert {number: row.changed_at for number, row in world.products().items()} == before


def test_a_changed_price_is_written_with_its_history(world: World) -> None:
    shop = world.shop(products=700)
    world.sync()
    number = shop.catalogue.numbers()[350]
    old = shop.catalogue.item(number)["channelProducts"][0]["salePrice"]
    shop.catalogue.change_price(number, old + 100)
    sync = world.sync()
    assert (sync.changed, sync.unchanged) == (1, 699)
    assert world.products()[number].sale_price == old + 100
    assert (number, "changed", "salePrice", old, old + 100) in world.changes()
    assert world.documents() == shop.catalogue.expected()


def test_a_product_that_was_added_later_is_a_change(world: World) -> None:
    shop = world.shop()
    world.sync()
    (number,) = shop.catalogue.add(1)
    sync = world.sync()
    assert sync.added == 1
    assert world.changes() == [(number, "added", None, None, None)]


def test_a_product_that_is_gone_is_marked_removed_and_comes_back(world: World) -> None:
    shop = world.shop()
    world.sync()
    number = shop.catalogue.numbers()[7]
    item = shop.catalogue.item(number)
    shop.catalogue.remove(number)
    assert world.sync().removed == 1
    assert number not in world.products()
    assert world.rows(Product, product_no=number)[0].removed_at is not None
    shop.catalogue.put(item)
    sync = world.sync()
    assert (sync.restored, sync.state) == (1, State.SUCCEEDED)
    assert number in world.products()
    assert [kind for _, kind, *_ in world.changes()] == ["removed", "restored"]


def test_pages_are_not_taken_for_unchanged_after_a_pass_that_was_only_partial(world: World) -> None:
    shop = world.shop(products=600)
    world.sync()
    number = shop.catalogue.numbers()[0]
    old = shop.catalogue.item(number)["channelProducts"][0]["salePrice"]
    shop.catalogue.change_price(number, old + 1)
    shop.faults.add("missing_price", page=2, position=5, times=1)
    assert world.sync().state == State.PARTIAL
    # Back to the very bytes of the proven pass, while the row holds what the partial one saw.
    shop.catalogue.change_price(number, old)
    sync = world.sync()
    assert sync.state == State.SUCCEEDED
    assert world.products()[number].sale_price == old
    assert world.documents() == shop.catalogue.expected()


def test_only_the_last_proven_pass_keeps_its_pages(world: World) -> None:
    shop = world.shop(products=600)
    world.sync()
    proven = world.sync()
    shop.faults.add("missing_price", page=1, times=1)
    world.sync()
    assert {(row.sync_id, row.number) for row in world.rows(SyncPage)} == {(proven.id, 1), (proven.id, 2)}


def test_one_bad_record_is_kept_apart_and_the_others_are_stored(world: World) -> None:
    shop = world.shop(products=40)
    shop.faults.add("missing_price", page=1, position=3)
    sync = world.sync()
    assert (sync.state, sync.code, sync.rejected, sync.added) == (State.PARTIAL, "records_rejected", 1, 39)
    ((number, reason, field),) = world.rejects(sync.id)
    assert (reason, field) == ("missing", "salePrice")
    assert world.documents() == {key: item for key, item in shop.catalogue.expected().items() if key != number}


def test_a_partial_pass_removes_nothing(world: World) -> None:
    shop = world.shop(products=600)
    world.sync()
    shop.catalogue.remove(*shop.catalogue.numbers()[:3])
    shop.faults.add("missing_price", page=1, times=1)
    sync = world.sync()
    assert (sync.state, sync.removed) == (State.PARTIAL, 0)
    assert len(world.products()) == 600


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("duplicated_page", "products_missing"),
        ("changing_total", "total_changed"),
        ("moving_product", "products_missing"),
    ],
)
def test_a_walk_that_does_not_add_up_is_partial(world: World, kind: str, code: str) -> None:
    shop = world.shop(products=600)
    shop.faults.add(kind, page=2)
    sync = world.sync()
    assert (sync.state, sync.code) == (State.PARTIAL, code)


def test_products_that_come_while_we_walk_make_it_partial_and_the_next_pass_is_proven(world: World) -> None:
    shop = world.shop(products=1100)
    shop.before_page(2, lambda catalogue: catalogue.add(3))
    assert world.sync().state == State.PARTIAL
    sync = world.sync()
    assert sync.state == State.SUCCEEDED
    assert world.documents() == shop.catalogue.expected()


def test_a_healthy_run_sees_no_429(world: World) -> None:
    world.shop(products=5000)
    assert world.sync().state == State.SUCCEEDED
    assert {status for _, status in world.meter.requests} == {"200"}
    assert world.meter.waited > 0


def test_a_503_on_the_second_page_heals_in_place(world: World) -> None:
    shop = world.shop(products=1100)
    shop.faults.add("block", page=2, times=1)
    sync = world.sync()
    assert (sync.state, sync.tries, sync.failures) == (State.SUCCEEDED, 1, 0)


def test_refused_credentials_fail_at_once(world: World) -> None:
    shop = world.shop()
    shop.change_secret()
    sync = world.sync()
    assert (sync.state, sync.code, sync.tries) == (State.FAILED, "credentials_refused", 1)
    assert world.products() == {}
    assert [row.code for row in world.attempts(sync.id)] == ["credentials_refused"]


def test_a_missing_key_is_a_clear_error_and_no_call(world: World) -> None:
    sellers.add_seller(world.rt, "한빛상회", client_id=None, secret=None)
    sync = world.sync()
    assert (sync.state, sync.code) == (State.FAILED, "credentials_missing")
    assert world.naver.requests == []


def test_a_disabled_key_is_a_clear_error_and_no_call(world: World) -> None:
    world.shop()
    sellers.switch_key(world.rt, world.id_of(), enabled=False)
    sync = world.sync()
    assert (sync.state, sync.code) == (State.FAILED, "credentials_disabled")
    assert world.naver.requests == []


def test_a_transient_failure_waits_and_goes_on_at_the_page_where_it_stood(world: World) -> None:
    shop = world.shop(products=1600)
    shop.faults.add("maintenance", page=3, endpoint="search")
    sync = world.sync()
    assert (sync.state, sync.code, sync.failures, sync.next_page) == (State.WAITING, "naver_maintenance", 1, 3)
    assert sync.next_attempt_at == world.clock.now() + timedelta(minutes=10)
    assert sync.trace_id
    shop.faults.clear()
    world.naver.forget_requests()
    world.clock.advance(timedelta(minutes=10))
    sync = world.run(sync.id)
    assert (sync.state, sync.tries) == (State.SUCCEEDED, 2)
    assert world.searches() == [3, 4]
    assert world.documents() == shop.catalogue.expected()
    assert [row.code for row in world.attempts(sync.id)] == ["naver_maintenance", None]


def test_at_most_three_retries_and_then_it_has_failed(world: World) -> None:
    shop = world.shop()
    shop.faults.add("maintenance")
    sync = world.sync()
    waits = []
    while sync.state == State.WAITING:
        assert sync.next_attempt_at is not None
        waits.append(sync.next_attempt_at - world.clock.now())
        world.clock.advance(waits[-1])
        sync = world.run(sync.id)
    assert (sync.state, sync.failures, len(world.attempts(sync.id))) == (State.FAILED, 4, 4)
    assert waits == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=20)]


def test_a_failure_reaches_the_queue_with_its_cause(world: World) -> None:
    shop = world.shop()
    shop.faults.add("maintenance")
    call, _ = schedules.request_sync(world.rt, world.id_of())
    failure = world.turn(call.sync_id).failure
    assert isinstance(failure, AttemptFailed)
    assert failure.failures == 0
    assert failure.__cause__ is not None


def test_a_message_that_comes_too_early_is_dropped(world: World) -> None:
    shop = world.shop()
    shop.faults.add("maintenance", times=1)
    sync = world.sync()
    world.clock.advance(timedelta(minutes=8))
    assert world.run(sync.id).state == State.WAITING


def test_a_message_for_an_ended_sync_is_dropped(world: World) -> None:
    world.shop()
    sync = world.sync()
    world.naver.forget_requests()
    assert world.turn(sync.id).calls == []
    assert world.naver.requests == []
    assert world.sync_log(sync.id).attempt == 1


def test_a_message_for_an_unknown_sync_is_dropped(world: World) -> None:
    assert world.turn(4711) == syncing.Ran([])


def test_a_sync_that_a_live_worker_holds_is_left_alone(world: World, make_world: Callable[..., World]) -> None:
    shop = world.shop(products=1100)
    other = make_world()
    call, _ = schedules.request_sync(world.rt, world.id_of())
    shop.before_page(2, lambda _: other.turn(call.sync_id))
    assert world.run(call.sync_id).attempt == 1


def test_a_worker_that_was_taken_for_dead_cannot_write(world: World, make_world: Callable[..., World]) -> None:
    world.shop(products=600)
    other = make_world()
    call, _ = schedules.request_sync(world.rt, world.id_of())

    def stall() -> None:
        world.clock.advance(timedelta(seconds=100))
        other.run(call.sync_id)

    # Between the answer and the transaction that writes it.
    world.meter.on_request = {("products_search", 2): stall}
    assert world.turn(call.sync_id) == syncing.Ran([])
    sync = world.sync_log(call.sync_id)
    assert (sync.state, sync.attempt, sync.deaths, sync.added) == (State.SUCCEEDED, 2, 1, 600)
    assert [row.code for row in world.attempts(sync.id)] == ["worker_died", None]


def test_long_work_gives_its_turn_back_at_a_page_and_goes_on_there(make_world: Callable[..., World]) -> None:
    world = make_world(slice=timedelta(seconds=1))
    shop = world.shop(products=5000)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    ran = world.turn(call.sync_id)
    assert [each.sync_id for each in ran.calls] == [call.sync_id]
    assert world.sync_log(call.sync_id).state == State.QUEUED
    sync = world.run(call.sync_id)
    assert (sync.state, sync.tries, sync.turns > 1) == (State.SUCCEEDED, 1, True)
    assert world.searches() == list(range(1, 11))
    assert world.documents() == shop.catalogue.expected()
    assert ("products_search", "429") not in world.meter.requests


def test_a_process_that_is_to_stop_ends_its_turn_at_the_page(world: World) -> None:
    shop = world.shop(products=1600)
    shop.before_page(2, lambda _: world.rt.stopping.set())
    call, _ = schedules.request_sync(world.rt, world.id_of())
    world.turn(call.sync_id)
    sync = world.sync_log(call.sync_id)
    assert (sync.state, sync.next_page, sync.sent_at, sync.lease_until) == (State.QUEUED, 3, None, None)


def test_a_worker_that_died_after_the_last_page_leaves_only_the_end_to_do(
    world: World, make_world: Callable[..., World]
) -> None:
    shop = world.shop(products=600)
    shop.before_page(2, lambda _: world.rt.stopping.set())
    call, _ = schedules.request_sync(world.rt, world.id_of())
    world.turn(call.sync_id)
    world.naver.forget_requests()
    other = make_world()
    sync = other.run(call.sync_id)
    assert sync.state == State.SUCCEEDED
    assert world.searches() == [2] or world.searches() == []


def test_a_cancelled_sync_stops_at_its_next_write(world: World) -> None:
    shop = world.shop(products=1600)
    shop.before_page(2, lambda _: syncing.cancel(world.rt, world.id_of()))
    sync = world.sync()
    assert (sync.state, sync.next_page) == (State.CANCELLED, 2)
    assert world.searches() == [1, 2]
    assert syncing.cancel(world.rt, world.id_of()) is None


def test_trouble_with_our_own_database_is_written_down_and_tried_again(world: World) -> None:
    world.shop()

    def fail() -> None:
        with world.rt.database.transaction() as session:
            session.execute(text("SELECT * FROM nowhere"))

    world.meter.on_request = {("products_search", 1): fail}
    sync = world.sync()
    assert (sync.state, sync.code) == (State.WAITING, "database_trouble")


def test_a_defect_of_ours_is_written_down_and_tried_again(world: World) -> None:
    world.shop()

    def fail() -> None:
        raise ZeroDivisionError

    world.meter.on_request = {("products_search", 1): fail}
    sync = world.sync()
    assert (sync.state, sync.code, sync.params) == (
        State.WAITING,
        "internal_error",
        {"seller": "한빛상회", "kind": "ZeroDivisionError"},
    )


def test_the_meter_counts_what_happened(world: World) -> None:
    shop = world.shop(products=30)
    shop.faults.add("missing_price", page=1)
    world.sync()
    assert world.meter.ended == {("partial", "manual", "records_rejected"): 1}
    assert world.meter.attempts == {"ok": 1}
    assert {name: count for name, count in world.meter.changes.items() if count} == {"added": 29, "rejected": 1}
