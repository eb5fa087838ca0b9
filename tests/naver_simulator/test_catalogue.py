from __future__ import annotations

import pytest

from tests.naver_simulator.caller import Caller, FrozenTime
from tests.simulator import Catalogue, Seller, Simulator
from tests.simulator.products import FIELD_ORDER

NOW = "2026-11-18T20:06:40.000+09:00"
"""What the frozen time of these tests is in Korea."""


def channels(catalogue: Catalogue, number: int) -> list[dict[str, object]]:
    items: list[dict[str, object]] = catalogue.item(number)["channelProducts"]
    return items


def test_a_shop_has_the_variety_of_a_real_one(seller: Seller) -> None:
    items = seller.catalogue.expected()
    assert min(items) > 2**31
    services = {tuple(channel["channelServiceType"] for channel in item["channelProducts"]) for item in items.values()}
    assert services == {("STOREFARM",), ("STOREFARM", "WINDOW"), ("WINDOW", "STOREFARM"), ("WINDOW",)}
    main = [item["channelProducts"][0] for item in items.values()]
    statuses = [channel["statusType"] for channel in main]
    assert statuses.count("SALE") > len(statuses) * 0.8
    assert {"SALE", "OUTOFSTOCK", "SUSPENSION"} <= set(statuses)
    for name in ("sellerManagementCode", "brandName", "representativeImage", "modelId"):
        assert 0 < sum(name in channel for channel in main) < len(main), name
    assert all(any("가" <= letter <= "힣" for letter in channel["name"]) for channel in main)
    assert any("groupProductNo" in item for item in items.values())


def test_channel_product_numbers_are_unique_and_not_the_origin_product_numbers(seller: Seller) -> None:
    items = seller.catalogue.expected()
    own = [channel["channelProductNo"] for item in items.values() for channel in item["channelProducts"]]
    assert len(own) == len(set(own))
    assert not set(own) & items.keys()


def test_the_same_seed_makes_the_same_shops_and_another_does_not() -> None:
    def made(seed: int) -> tuple[str, str, dict[int, dict[str, object]]]:
        with Simulator(seed=seed) as simulator:
            simulator.add_seller("첫째", 3)
            seller = simulator.add_seller("둘째", 30)
            return seller.client_id, seller.secret, seller.catalogue.expected()

    assert made(5) == made(5)
    assert made(5) != made(6)


def test_sellers_share_no_product_numbers(simulator: Simulator, seller: Seller) -> None:
    other = simulator.add_seller("이웃집", 150)
    assert not set(seller.catalogue.numbers()) & set(other.catalogue.numbers())
    assert seller.client_id != other.client_id


def test_an_edit_reaches_all_channels_and_the_date_of_change(seller: Seller, time: FrozenTime) -> None:
    number = next(no for no in seller.catalogue.numbers() if len(channels(seller.catalogue, no)) == 2)
    seller.catalogue.change_price(number, 12_300)
    seller.catalogue.rename(number, "새 이름")
    seller.catalogue.set_stock(number, 7)
    seller.catalogue.set_status(number, "CLOSE")
    for channel in channels(seller.catalogue, number):
        assert (channel["salePrice"], channel["discountedPrice"]) == (12_300, 12_300)
        assert (channel["name"], channel["stockQuantity"], channel["statusType"]) == ("새 이름", 7, "CLOSE")
        assert channel["modifiedDate"] == NOW


def test_a_field_can_be_added_in_its_place_and_taken_away(seller: Seller) -> None:
    number = seller.catalogue.numbers()[0]
    seller.catalogue.update(number, gift="머그컵", sellerManagementCode=None)
    for channel in channels(seller.catalogue, number):
        assert channel["gift"] == "머그컵"
        assert "sellerManagementCode" not in channel
        assert list(channel) == sorted(channel, key=FIELD_ORDER.index)


def test_products_come_go_and_shrink(seller: Seller) -> None:
    catalogue = seller.catalogue
    new = catalogue.add(2)
    assert catalogue.numbers()[-2:] == new
    catalogue.remove(*new)
    assert not set(new) & catalogue.expected().keys()
    gone = catalogue.shrink(0.5)
    assert len(gone) == len(catalogue.numbers()) == 75
    assert catalogue.add()[0] > max(new)
    catalogue.clear()
    assert catalogue.expected() == {}


def test_an_unknown_product_is_named(seller: Seller) -> None:
    with pytest.raises(KeyError, match="no product 12"):
        seller.catalogue.remove(12)


def test_churn_changes_something_and_stays_consistent(seller: Seller, caller: Caller) -> None:
    before = seller.catalogue.expected()
    seller.catalogue.churn(100)
    after = seller.catalogue.expected()
    assert after != before
    assert {item["originProductNo"]: item for item in caller.walk()} == after


def test_a_shop_can_change_right_before_a_page_is_answered(seller: Seller, caller: Caller) -> None:
    highest = seller.catalogue.numbers()[-1]
    seller.before_page(2, lambda catalogue: catalogue.remove(highest))
    seen = [item["originProductNo"] for item in caller.walk()]
    # One of the first page is gone, so that the first of the second page moved to where nobody looks any more.
    assert len(seen) == len(set(seen)) == 149
    assert highest in seen
    assert len(set(seller.catalogue.numbers()) - set(seen)) == 1
    assert len(caller.walk()) == 149


def test_a_product_that_is_registered_during_a_walk_makes_a_duplicate(seller: Seller, caller: Caller) -> None:
    seller.before_page(2, lambda catalogue: catalogue.add())
    seen = [item["originProductNo"] for item in caller.walk()]
    assert len(seen) == 151
    assert len(set(seen)) == 150
