from __future__ import annotations

from typing import Any

import pytest

from tests.naver_simulator.caller import SEARCH, Caller
from tests.simulator import Seller


def numbers(answer: dict[str, Any]) -> list[int]:
    return [item["originProductNo"] for item in answer["contents"]]


def test_a_walk_finds_every_product_once_and_as_expected(seller: Seller, caller: Caller) -> None:
    items = caller.walk(size=40)
    assert {item["originProductNo"]: item for item in items} == seller.catalogue.expected()
    assert len(items) == 150


def test_defaults_are_the_first_fifty_newest_first(seller: Seller, caller: Caller) -> None:
    answer = caller.search().json()
    dates = [item["channelProducts"][0]["regDate"] for item in answer["contents"]]
    assert (answer["page"], answer["size"], len(dates)) == (1, 50, 50)
    assert dates == sorted(dates, reverse=True)
    assert [field["name"] for field in answer["sort"]["fields"]] == ["regDate", "productNo"]


def test_the_order_no_is_by_product_number_downwards(seller: Seller, caller: Caller) -> None:
    seller.catalogue.shuffle()
    by_number = numbers(caller.search(1, size=500, orderType="NO").json())
    by_date = numbers(caller.search(1, size=500).json())
    assert by_number == sorted(by_number, reverse=True)
    assert by_date != by_number
    assert sorted(by_date) == sorted(by_number)


def test_first_and_last_say_where_the_page_stands(caller: Caller) -> None:
    pages = [caller.search(page, size=100).json() for page in (1, 2, 3)]
    assert [(page["first"], page["last"], len(page["contents"])) for page in pages] == [
        (True, False, 100),
        (False, True, 50),
        (False, True, 0),
    ]
    assert {page["totalElements"] for page in pages} == {150}


def test_a_body_is_compact_and_has_its_length_and_type(caller: Caller) -> None:
    answer = caller.search(1, size=500)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert b'": ' not in answer.content
    assert b", " not in answer.content
    assert b"null" not in answer.content
    assert "\\u" not in answer.text


def test_every_answer_has_the_headers_of_rate_and_trace(seller: Seller, caller: Caller) -> None:
    seller.faults.add("proxy", times=1)
    wanted = {
        "gncp-gw-ratelimit-replenish-rate",
        "gncp-gw-ratelimit-burst-capacity",
        "gncp-gw-ratelimit-remaining",
        "gncp-gw-trace-id",
        "gncp-gw-httpclient-responsetime",
    }
    answers = [caller.search(1), caller.search(1), caller.search(1, size=501)]
    assert [answer.status_code for answer in answers] == [500, 200, 400]
    assert all(wanted <= set(answer.headers) for answer in answers)
    assert len({answer.headers["gncp-gw-trace-id"] for answer in answers}) == 3


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"size": 501}, "size"),
        ({"size": 0}, "size"),
        ({"size": "50"}, "size"),
        ({"page": -1}, "page"),
        ({"orderType": "BY_MOOD"}, "orderType"),
        ({"orderType": ["NO"]}, "orderType"),
        ({"productStatusTypes": ["GONE"]}, "productStatusTypes"),
        ({"periodType": "PROD_MOD_DAY", "fromDate": "2026-4-1"}, "fromDate"),
        ({"originProductNos": "13"}, "originProductNos"),
    ],
)
def test_a_field_out_of_range_is_refused_by_its_name(caller: Caller, query: dict[str, Any], name: str) -> None:
    answer = caller.search(**query)
    assert answer.status_code == 400
    assert [one["name"] for one in answer.json()["invalidInputs"]] == [name]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_object_is_refused(caller: Caller, body: bytes) -> None:
    caller.ask_token()
    headers = {"authorization": f"Bearer {caller.token}", "content-type": "application/json"}
    answer = caller.http.post(SEARCH, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


def test_a_body_of_another_type_meets_415(caller: Caller) -> None:
    caller.ask_token()
    headers = {"authorization": f"Bearer {caller.token}"}
    assert caller.http.post(SEARCH, data={"page": "1"}, headers=headers).status_code == 415


def test_unknown_fields_are_ignored_and_page_zero_is_page_one(caller: Caller) -> None:
    assert caller.search(0, colour="blue").json() == caller.search(1).json()


def test_products_are_chosen_by_status(seller: Seller, caller: Caller) -> None:
    chosen = seller.catalogue.numbers()[:3]
    for number in chosen:
        seller.catalogue.set_status(number, "WAIT")
    answer = caller.search(1, productStatusTypes=["WAIT"], orderType="NO").json()
    assert numbers(answer) == sorted(chosen, reverse=True)
    assert answer["totalElements"] == 3


def test_deleted_products_are_listed_only_when_asked_for(seller: Seller, caller: Caller) -> None:
    gone = seller.catalogue.numbers()[0]
    seller.catalogue.set_status(gone, "DELETE")
    assert caller.search(1).json()["totalElements"] == 149
    assert gone not in seller.catalogue.expected()
    assert numbers(caller.search(1, productStatusTypes=["DELETE"]).json()) == [gone]
    seller.catalogue.list_deleted(True)
    assert caller.search(1).json()["totalElements"] == 150


def test_days_of_change_are_korean_days(seller: Seller, caller: Caller) -> None:
    first, second, third = seller.catalogue.numbers()[:3]
    seller.catalogue.update(first, modifiedDate="2027-03-01T00:00:00.000+09:00")
    seller.catalogue.update(second, modifiedDate="2027-03-01T23:59:59.999+09:00")
    seller.catalogue.update(third, modifiedDate="2027-03-02T00:00:00.000+09:00")
    found = numbers(caller.search(1, periodType="PROD_MOD_DAY", fromDate="2027-03-01", toDate="2027-03-01").json())
    assert sorted(found) == [first, second]


def test_a_search_by_number_or_code_ignores_all_else(seller: Seller, caller: Caller) -> None:
    wanted = next(
        item for item in seller.catalogue.expected().values() if "sellerManagementCode" in item["channelProducts"][0]
    )
    channel = wanted["channelProducts"][0]
    queries: list[dict[str, Any]] = [
        {"searchKeywordType": "PRODUCT_NO", "originProductNos": [wanted["originProductNo"]]},
        {"searchKeywordType": "CHANNEL_PRODUCT_NO", "channelProductNos": [channel["channelProductNo"]]},
        {"searchKeywordType": "SELLER_CODE", "sellerManagementCode": channel["sellerManagementCode"]},
    ]
    for query in queries:
        answer = caller.search(1, productStatusTypes=["WAIT"], **query).json()
        assert answer["contents"] == [wanted]
