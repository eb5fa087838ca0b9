"""The simulator's answers against the real ones: same bytes where those are known, else keys, types, order."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import Any

from tests.naver_simulator import published
from tests.naver_simulator.caller import Caller, FrozenTime
from tests.simulator import Seller
from tests.simulator.products import FIELD_ORDER


def test_the_published_item_comes_back_byte_for_byte_in_the_published_envelope(seller: Seller, caller: Caller) -> None:
    seller.catalogue.clear()
    seller.catalogue.put(json.loads(published.ITEM_A))
    older = json.loads(published.ITEM_A.replace("13278540332", "13278540331").replace("2026-04", "2026-03"))
    seller.catalogue.put(older)
    body = caller.search(1, size=100).content.decode()
    assert body.startswith(published.BODY_A_START + ",")
    assert body.endswith(published.BODY_A_END)


def test_generated_products_have_every_field_of_body_a_with_its_type(seller: Seller) -> None:
    channel_of_a = json.loads(published.ITEM_A)["channelProducts"][0]
    optional = {"representativeImage"}
    for channel in _channels(seller):
        for name, value in channel_of_a.items():
            if name not in optional or name in channel:
                assert type(channel[name]) is type(value), name


def test_some_generated_products_have_the_fields_that_body_b_has_besides(seller: Seller) -> None:
    for name, kind in published.FIELDS_OF_B.items():
        values = [channel[name] for channel in _channels(seller) if name in channel]
        assert values, name
        assert {type(value) for value in values} == {kind}


def test_fields_of_generated_and_of_published_products_stand_in_the_documented_order(seller: Seller) -> None:
    channels = [*_channels(seller), json.loads(published.ITEM_A)["channelProducts"][0]]
    for channel in channels:
        places = [FIELD_ORDER.index(name) for name in channel]
        assert all(before < after for before, after in pairwise(places))


def test_the_totals_of_body_b_follow_from_its_number_of_products(seller: Seller, caller: Caller) -> None:
    seller.catalogue.add(1017 - 150)
    answer = caller.search(1, size=100).json()
    assert (answer["totalElements"], answer["totalPages"]) == (1017, 11)
    assert (answer["first"], answer["last"]) == (True, False)


def test_an_empty_search_is_body_c_by_its_published_hash(seller: Seller, caller: Caller) -> None:
    answer = caller.search(1, searchKeywordType="SELLER_CODE", sellerManagementCode="none", size=50, orderType="NO")
    assert len(answer.content) == published.LENGTH_OF_C
    assert hashlib.sha256(answer.content).hexdigest() == published.SHA256_OF_C
    seller.catalogue.clear()
    assert caller.search(1, size=50, orderType="NO").content == answer.content


def test_a_gateway_error_has_the_length_and_shape_of_the_published_one(
    seller: Seller, caller: Caller, time: FrozenTime
) -> None:
    assert len(published.GATEWAY_ERROR.encode()) == published.GATEWAY_ERROR_LENGTH
    seller.faults.add("authn_401")
    answer = caller.search(1)
    ours, theirs = answer.json(), json.loads(published.GATEWAY_ERROR)
    assert list(ours) == list(theirs)
    assert (ours["code"], ours["message"]) == (theirs["code"], theirs["message"])
    assert len(answer.content) == published.GATEWAY_ERROR_LENGTH == int(answer.headers["content-length"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["gncp-gw-trace-id"] == ours["traceId"]


def test_a_quota_error_has_the_published_code_and_headers(seller: Seller, caller: Caller) -> None:
    seller.limits.set_quota(1, "HOURS")
    assert caller.search(1).status_code == 200
    answer = caller.search(1)
    code, keys = published.QUOTA_CODE_AND_KEYS
    assert answer.status_code == 429
    assert (answer.json()["code"], list(answer.json())) == (code, keys)
    quota = {name: answer.headers[f"gncp-gw-quota-{name}"] for name in ("limit", "period", "remaining")}
    assert quota == {"limit": "1", "period": "HOURS", "remaining": "0"}


def _channels(seller: Seller) -> list[dict[str, Any]]:
    return [channel for item in seller.catalogue.expected().values() for channel in item["channelProducts"]]
