"""Each fault that spoils an answer: the choice of products, a record, the envelope, the bytes."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from tests.naver_simulator.caller import Caller
from tests.simulator import KINDS, Fault, Seller
from tests.simulator.damage import ODD_NAME, spoil


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [item["originProductNo"] for item in items]


def first_channel(caller: Caller) -> dict[str, Any]:
    channel: dict[str, Any] = caller.search(1, orderType="NO").json()["contents"][0]["channelProducts"][0]
    return channel


def test_a_duplicated_page_shows_the_page_before_under_its_own_number(seller: Seller, caller: Caller) -> None:
    seller.faults.add("duplicated_page", page=2)
    first, second = (caller.search(page, orderType="NO").json() for page in (1, 2))
    assert second["contents"] == first["contents"]
    assert (second["page"], second["totalElements"]) == (2, 150)


def test_a_moving_product_is_seen_twice_and_hides_another(seller: Seller, caller: Caller) -> None:
    seller.faults.add("moving_product", page=2)
    seen = numbers(caller.walk())
    assert len(seen) == 150
    assert len(set(seen)) == 149


def test_a_changing_total_changes_during_the_walk_and_back(seller: Seller, caller: Caller) -> None:
    seller.faults.add("changing_total", request=2, times=2, amount=10)
    totals = [caller.search(page).json()["totalElements"] for page in (1, 2, 3, 1)]
    assert totals == [150, 160, 170, 150]


def test_an_empty_shop_shows_nothing_while_its_products_are_there(seller: Seller, caller: Caller) -> None:
    seller.faults.add("empty_shop")
    answer = caller.search(1).json()
    assert (answer["contents"], answer["totalElements"], answer["totalPages"]) == ([], 0, 0)
    assert len(seller.catalogue.expected()) == 150


def test_half_a_shop_is_consistent_in_itself(seller: Seller, caller: Caller) -> None:
    seller.faults.add("half_shop")
    assert len(caller.walk()) == 75
    assert caller.search(1).json()["totalElements"] == 75


def test_numbers_as_text_leave_no_number_in_any_product(seller: Seller, caller: Caller) -> None:
    seller.faults.add("numbers_as_text")
    answer = caller.search(1, orderType="NO").json()
    item = answer["contents"][0]
    assert item["originProductNo"] == str(seller.catalogue.numbers()[-1])
    assert item["channelProducts"][0]["salePrice"].isdigit()
    assert answer["totalElements"] == 150


def test_a_huge_name_has_a_megabyte(seller: Seller, caller: Caller) -> None:
    seller.faults.add("huge_name")
    assert len(first_channel(caller)["name"].encode()) >= 1_000_000


def test_unknown_enum_values_are_in_no_documentation(seller: Seller, caller: Caller) -> None:
    seller.faults.add("unknown_enum")
    channel = first_channel(caller)
    assert (channel["statusType"], channel["channelServiceType"]) == ("MOONLIT", "TELEPATHY")


def test_odd_characters_arrive_as_they_are(seller: Seller, caller: Caller) -> None:
    seller.faults.add("odd_characters")
    assert first_channel(caller)["name"] == ODD_NAME
    assert "\u0000" in ODD_NAME
    assert "𠮷" in ODD_NAME


def test_a_lone_surrogate_is_sent_escaped(seller: Seller, caller: Caller) -> None:
    seller.faults.add("lone_surrogate")
    assert b"\\ud83d" in caller.search(1).content


def test_a_missing_price_is_missing_in_the_record_at_its_position_only(seller: Seller, caller: Caller) -> None:
    seller.faults.add("missing_price", position=-1)
    contents = caller.search(1).json()["contents"]
    lacking = [i for i, item in enumerate(contents) if "salePrice" not in item["channelProducts"][0]]
    assert lacking == [49]


def test_absurd_types_keep_the_product_number(seller: Seller, caller: Caller) -> None:
    seller.faults.add("absurd_types")
    item = caller.search(1, orderType="NO").json()["contents"][0]
    assert item["originProductNo"] == seller.catalogue.numbers()[-1]
    channel = item["channelProducts"][0]
    assert (channel["name"], channel["stockQuantity"]) == (7, True)
    assert isinstance(channel["salePrice"], dict)


def test_records_can_be_no_products_at_all(seller: Seller, caller: Caller) -> None:
    seller.faults.add("absurd_number", position=0)
    seller.faults.add("no_channels", position=1)
    seller.faults.add("not_a_record", position=2)
    contents = caller.search(1).json()["contents"]
    assert not contents[0]["originProductNo"].isdigit()
    assert contents[1]["channelProducts"] == []
    assert contents[2] == 42


def test_the_envelope_can_lack_a_key_or_have_a_wrong_type(seller: Seller, caller: Caller) -> None:
    seller.faults.add("missing_key", times=1)
    assert "totalElements" not in caller.search(1).json()
    seller.faults.add("missing_key", field="contents", times=1)
    assert "contents" not in caller.search(1).json()
    seller.faults.add("total_as_text", times=1)
    assert caller.search(1).json()["totalElements"] == "150"
    seller.faults.add("null_contents", times=1)
    assert caller.search(1).json()["contents"] is None
    seller.faults.add("not_an_object", times=1)
    assert isinstance(caller.search(1).json(), list)


@pytest.mark.parametrize("kind", ["invalid_json", "deep_nesting", "empty_body"])
def test_a_body_can_be_no_json(seller: Seller, caller: Caller, kind: str) -> None:
    seller.faults.add(kind)
    answer = caller.search(1)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises((json.JSONDecodeError, RecursionError)):
        answer.json()


def test_a_token_answer_can_be_spoilt_too(seller: Seller, caller: Caller) -> None:
    seller.faults.add("token_without_value", times=1)
    assert list(caller.ask_token().json()) == ["expires_in", "token_type"]
    seller.faults.add("invalid_json", endpoint="token", times=1)
    with pytest.raises(json.JSONDecodeError):
        caller.ask_token()


def test_several_faults_spoil_one_answer_together(seller: Seller, caller: Caller) -> None:
    seller.faults.add("changing_total", times=1)
    seller.faults.add("missing_price", times=1)
    answer = caller.search(1).json()
    assert answer["totalElements"] == 151
    assert "salePrice" not in answer["contents"][0]["channelProducts"][0]
    assert [record.faults for record in caller.simulator.requests][-1] == ("changing_total", "missing_price")


def test_any_two_faults_can_be_combined_without_breaking_the_simulator(caller: Caller) -> None:
    token = caller.ask_token().content
    page = caller.search(1, size=3).content
    kinds = [name for name, kind in KINDS.items() if kind.stage in ("record", "body")]
    for body in (page, token):
        for first, second in product(kinds, kinds):
            assert isinstance(spoil(body, [Fault(first), Fault(second)]), bytes)


def test_what_a_correct_sync_must_have_seen_is_not_spoilt(seller: Seller, caller: Caller) -> None:
    before = seller.catalogue.expected()
    stages = {"selection", "record", "body"}
    for kind in (name for name, kind in KINDS.items() if kind.stage in stages and kind.endpoint != "token"):
        seller.faults.add(kind, times=1)
        assert caller.search(1).status_code == 200
        seller.faults.clear()
    assert seller.catalogue.expected() == before
    assert caller.walk() == [before[number] for number in sorted(before, reverse=True)]
