from __future__ import annotations

from db.sync_logs import State
from services import removals
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
