from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import pytest

from db.products import Product
from db.sync_logs import State
from services import removals
from services.errors import AccessDenied, GConnectError, QuotaExhausted, StoreUnavailable
from services.naver.client import NaverSession
from services.naver.products import Item, Page, Rejected
from tests.world import World


def shrink(world: World, products: int = 100, gone: int = 30) -> list[int]:
    """Let a shop that is known lose products; return their numbers."""
    shop = world.shop(products=products)
    world.sync()
    lost = list(shop.catalogue.numbers()[:gone])
    shop.catalogue.remove(*lost)
    return lost


def test_few_that_vanish_are_removed_at_once(world: World) -> None:
    shrink(world, gone=20)
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 20, 0)


def after_search(world: World, nth: int, act: Callable[[], object]) -> None:
    """Let something happen once the so-many-th search from now on has been answered."""
    world.meter.requests.clear()
    world.meter.on_request = {("products_search", nth): act}


def test_two_changes_in_mid_walk_that_hide_each_other_from_the_count_remove_nothing(world: World) -> None:
    shop = world.shop(products=1_101)
    numbers = sorted(shop.catalogue.numbers(), reverse=True)
    returning = shop.catalogue.item(numbers[-1])
    shop.catalogue.remove(numbers[-1])
    world.sync()

    def move() -> None:
        # From the part that was read to the part that was not: the 501st moves up unseen, the total stays.
        shop.catalogue.remove(numbers[0])
        shop.catalogue.put(returning)

    after_search(world, 1, move)
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 0, 1)
    assert numbers[500] in world.products()
    assert world.open_notifications() == []
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 1, 0)
    assert world.documents() == shop.catalogue.expected()
    assert world.rows(Product, product_no=numbers[500])[0].held_at is None


def test_where_naver_refuses_to_be_asked_by_number_the_next_pass_must_agree(world: World) -> None:
    lost = shrink(world, gone=3)
    shop = world.naver.seller("한빛상회")
    after_search(world, 1, lambda: shop.faults.add("bad_request", times=1))
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 0, 3)
    assert world.open_notifications() == []
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 3, 0)
    assert not set(lost) & world.products().keys()


def test_where_naver_fails_when_asked_by_number_the_pass_is_proven_all_the_same(world: World) -> None:
    shrink(world, gone=3)
    shop = world.naver.seller("한빛상회")
    after_search(world, 1, lambda: shop.faults.add("internal"))
    sync = world.sync()
    assert (sync.state, sync.failures, sync.removed, sync.held) == (State.SUCCEEDED, 0, 0, 3)


@dataclass
class Answering:
    """A session that answers every question by number with one page."""

    page: Page | GConnectError

    def find(self, product_nos: Sequence[int]) -> Page:
        if isinstance(self.page, GConnectError):
            raise self.page
        return self.page


def page_of(*numbers: int, total: int | None = None, rejected: int | None = None) -> Page:
    items = tuple(Item(number, {"channelProducts": [{"statusType": "SALE"}]}, b"") for number in numbers)
    bad = () if rejected is None else (Rejected(0, None, "not_object", None, b""),)
    return Page(1, len(items) + len(bad) if total is None else total, items, bad, 0, b"")


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (page_of(), {1, 2, 3}),
        (page_of(2), {1, 3}),
        (page_of(7, 8, 9), set()),
        (page_of(2, 7), set()),
        (page_of(total=3), set()),
        (page_of(2, rejected=0), set()),
        (StoreUnavailable(reason="RESOURCE_NOT_AVAILABLE"), set()),
        (AccessDenied(), set()),
        (QuotaExhausted(), set()),
    ],
)
def test_only_the_answer_to_what_was_asked_shows_that_a_product_is_gone(
    answer: Page | GConnectError, gone: set[int]
) -> None:
    naver = cast(NaverSession, Answering(answer))
    assert removals.gone_by_number(naver, [3, 1, 2], go_on=lambda: True) == gone
    assert removals.gone_by_number(naver, [3, 1, 2], go_on=lambda: False) == set()


def test_a_worker_that_is_to_stop_asks_nothing_more(world: World) -> None:
    shrink(world, gone=3)
    before = len(world.searches())
    after_search(world, 1, world.rt.stopping.set)
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 0, 3)
    assert len(world.searches()) == before + 1


def test_a_product_that_naver_shows_as_deleted_when_asked_for_is_gone(world: World) -> None:
    shop = world.shop(products=40)
    world.sync()
    number = shop.catalogue.numbers()[0]
    shop.catalogue.set_status(number, "DELETE")
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 1, 0)
    assert number not in world.products()


def test_many_products_are_asked_for_by_500() -> None:
    asked: list[int] = []

    class Counting:
        def find(self, product_nos: Sequence[int]) -> Page:
            asked.append(len(product_nos))
            return page_of(product_nos[0])

    numbers = range(1, 1_202)
    gone = removals.gone_by_number(cast(NaverSession, Counting()), numbers, go_on=lambda: True)
    assert asked == [500, 500, 201]
    assert gone == set(numbers) - {1, 501, 1_001}


def test_the_lease_is_renewed_before_a_question(world: World) -> None:
    shrink(world, gone=3)
    lease = world.rt.settings.lease
    left: list[timedelta] = []

    def note() -> None:
        until = world.live()[0].lease_until
        assert until is not None
        left.append(until - world.clock.now())

    def take_long() -> None:
        world.clock.advance(lease * 0.9)

    world.meter.requests.clear()
    world.meter.on_request = {("products_search", 1): take_long, ("products_search", 2): note}
    # The page is written with a lease of its own, so the time passes after that.
    assert world.sync().removed == 3
    assert left
    assert left[0] > lease * 0.5


def test_many_that_vanish_are_held_and_told(world: World) -> None:
    shrink(world)
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 0, 30)
    assert len(world.products()) == 100
    assert world.open_notifications() == [("removal_held", 1)]


def test_a_held_removal_is_applied_when_the_next_proven_pass_agrees(world: World) -> None:
    lost = shrink(world)
    world.sync()
    sync = world.sync()
    assert (sync.removed, sync.held) == (30, 0)
    assert not set(lost) & world.products().keys()
    assert world.open_notifications() == []


def test_a_held_removal_is_applied_on_confirmation(world: World) -> None:
    lost = shrink(world)
    world.sync()
    assert removals.confirm_removals(world.rt, world.id_of()) == 30
    assert not set(lost) & world.products().keys()
    assert world.open_notifications() == []
    assert [kind for _, kind, *_ in world.changes()] == ["removed"] * 30
    assert removals.confirm_removals(world.rt, world.id_of()) == 0


def test_a_held_removal_that_is_dismissed_is_held_anew_by_the_next_pass(world: World) -> None:
    shrink(world)
    world.sync()
    assert removals.dismiss_removals(world.rt, world.id_of()) == 30
    assert world.open_notifications() == []
    sync = world.sync()
    assert (sync.removed, sync.held) == (0, 30)


def test_products_that_come_back_are_let_go(world: World) -> None:
    shop = world.shop(products=100)
    world.sync()
    shop.faults.add("half_shop", times=1)
    assert world.sync().held == 50
    sync = world.sync()
    assert (sync.state, sync.removed, sync.held) == (State.SUCCEEDED, 0, 0)
    assert world.open_notifications() == []
    assert [row.held_at for row in world.products().values()] == [None] * 100


def test_an_empty_answer_from_a_small_full_shop_is_held_too(world: World) -> None:
    shop = world.shop(products=5)
    world.sync()
    shop.faults.add("empty_shop", times=1)
    sync = world.sync()
    assert (sync.removed, sync.held) == (0, 5)
    assert world.sync().held == 0
    assert len(world.products()) == 5


def test_products_that_are_back_when_their_removal_is_confirmed_stay_in_the_shop(world: World) -> None:
    shop = world.shop(products=700)
    world.sync()
    gone = [shop.catalogue.item(number) for number in shop.catalogue.numbers()[:40]]
    shop.catalogue.remove(*(item["originProductNo"] for item in gone))
    assert world.sync().held == 40
    for item in gone:
        shop.catalogue.put(item)
    # Read by the pass as they were, and removed by a person before its end.
    shop.before_page(2, lambda _: removals.confirm_removals(world.rt, world.id_of()))
    world.sync()
    assert world.sync().state == State.SUCCEEDED
    assert world.documents() == shop.catalogue.expected()
