from __future__ import annotations

import pytest

from db.sync_logs import SyncLog
from services import preview
from services.errors import CredentialsRefused
from tests.world import World


def test_a_preview_says_what_a_sync_would_do_and_writes_nothing(world: World) -> None:
    shop = world.shop(products=600)
    world.sync()
    before = world.documents()
    first, second, third = shop.catalogue.numbers()[:3]
    price = shop.catalogue.item(first)["channelProducts"][0]["salePrice"]
    shop.catalogue.change_price(first, price + 1)
    shop.catalogue.remove(second)
    (added,) = shop.catalogue.add(1)
    shop.faults.add("missing_price", page=2)
    found = preview.preview_sync(world.rt, world.id_of())
    assert [number for number, _ in found.added] == [added]
    assert [(number, "salePrice" in {each.field for each in fields}) for number, _, fields in found.changed] == [
        (first, True)
    ]
    assert (found.rejected, found.verdict.code, found.removed) == (1, "records_rejected", [])
    shop.faults.clear()
    found = preview.preview_sync(world.rt, world.id_of())
    assert [number for number, _ in found.removed] == [second]
    assert (found.total, found.unchanged, found.held, third in before) == (600, 598, [], True)
    assert world.documents() == before
    assert len(world.rows(SyncLog)) == 1


def test_a_preview_shows_what_would_be_held_and_what_would_come_back(world: World) -> None:
    shop = world.shop(products=100)
    world.sync()
    item = shop.catalogue.item(shop.catalogue.numbers()[0])
    shop.catalogue.remove(item["originProductNo"])
    world.sync()
    shop.catalogue.put(item)
    assert [number for number, _ in preview.preview_sync(world.rt, world.id_of()).restored] == [item["originProductNo"]]
    shop.catalogue.clear()
    assert len(preview.preview_sync(world.rt, world.id_of()).held) == 99


def test_a_preview_fails_as_a_sync_would(world: World) -> None:
    world.shop().change_secret()
    with pytest.raises(CredentialsRefused):
        preview.preview_sync(world.rt, world.id_of())
