"""Each fault that answers with an error in place of the endpoint."""

from __future__ import annotations

import pytest

from tests.naver_simulator.caller import Caller
from tests.simulator import KINDS, Seller, Simulator

SEARCH_REFUSALS = {
    "authn_401": (401, "GW.AUTHN"),
    "authn_403": (403, "GW.AUTHN"),
    "token_expired": (401, "GW.AUTHN"),
    "ip_not_allowed": (403, "GW.IP_NOT_ALLOWED"),
    "forbidden": (403, "FORBIDDEN"),
    "rate_limit": (429, "GW.RATE_LIMIT"),
    "quota": (429, "GW.QUOTA_LIMIT"),
    "proxy": (500, "GW.PROXY.03"),
    "internal": (500, "GW.INTERNAL_SERVER_ERROR"),
    "api_internal": (500, "INTERNAL_SERVER_ERROR"),
    "plain_internal": (500, None),
    "block": (503, "GW.BLOCK.01"),
    "maintenance": (503, "GW.BLOCK.02"),
    "gateway_timeout": (504, "GW.TIMEOUT.01"),
    "not_found": (404, "GW.NOT_FOUND"),
    "bad_request": (400, "BAD_REQUEST"),
    "too_many_products": (400, "BAD_REQUEST"),
}

TOKEN_REFUSALS = {
    "ip_not_allowed": (403, "GW.IP_NOT_ALLOWED"),
    "maintenance": (503, "GW.BLOCK.02"),
    "token_bad_request": (400, "BAD_REQUEST"),
    "token_forbidden": (403, "INVALID_STORE_STATUS"),
    "token_unsupported": (415, None),
    "token_internal": (500, "INTERNAL_SERVER_ERROR"),
}


@pytest.mark.parametrize("kind", SEARCH_REFUSALS)
def test_a_search_is_refused_as_documented_and_works_again_afterwards(
    seller: Seller, caller: Caller, kind: str
) -> None:
    caller.ask_token()
    seller.faults.add(kind, times=1)
    refused = caller.search(1)
    assert (refused.status_code, refused.json().get("code")) == SEARCH_REFUSALS[kind]
    caller.ask_token()
    assert caller.search(1).status_code == 200


@pytest.mark.parametrize("kind", TOKEN_REFUSALS)
def test_a_token_is_refused_as_documented_and_issued_afterwards(seller: Seller, caller: Caller, kind: str) -> None:
    seller.faults.add(kind, times=1)
    refused = caller.ask_token()
    assert (refused.status_code, refused.json().get("code")) == TOKEN_REFUSALS[kind]
    assert not [name for name in refused.headers if "ratelimit" in name]
    assert caller.ask_token().status_code == 200


def test_every_kind_of_refusal_is_tried_here() -> None:
    refusals = {name for name, kind in KINDS.items() if kind.stage == "refusal"}
    assert refusals == SEARCH_REFUSALS.keys() | TOKEN_REFUSALS.keys() | {"bad_gateway"}


def test_a_bad_gateway_is_no_json(seller: Seller, caller: Caller) -> None:
    seller.faults.add("bad_gateway")
    answer = caller.search(1)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")


def test_a_bad_token_stays_bad_because_the_same_is_issued_again(seller: Seller, caller: Caller) -> None:
    caller.ask_token()
    first = caller.token
    seller.faults.add("authn_401")
    assert caller.search(1).status_code == 401
    caller.ask_token()
    assert caller.token == first
    assert caller.search(1).status_code == 401


def test_an_expired_token_is_replaced_by_another_that_works(seller: Seller, caller: Caller) -> None:
    caller.ask_token()
    first = caller.token
    seller.faults.add("token_expired", page=2, times=1)
    assert [caller.search(page).status_code for page in (1, 2, 2)] == [200, 401, 401]
    caller.ask_token()
    assert caller.token != first
    assert caller.search(2).status_code == 200


def test_a_quota_says_its_period(seller: Seller, caller: Caller) -> None:
    seller.faults.add("quota", period="SECONDS")
    headers = caller.search(1).headers
    assert (headers["gncp-gw-quota-period"], headers["gncp-gw-quota-remaining"]) == ("SECONDS", "0")


def test_the_code_and_the_field_can_be_chosen(seller: Seller, caller: Caller) -> None:
    seller.faults.add("proxy", code="GW.PROXY.05", times=1)
    seller.faults.add("token_bad_request", field="timestamp", times=1)
    assert caller.ask_token().json()["invalidInputs"][0]["name"] == "timestamp"
    assert caller.search(1).json()["code"] == "GW.PROXY.05"


def test_a_fault_strikes_its_page_only_and_as_often_as_it_was_told(seller: Seller, caller: Caller) -> None:
    fault = seller.faults.add("proxy", page=2, times=2)
    pages = (1, 2, 2, 2, 3)
    assert [caller.search(page).status_code for page in pages] == [200, 500, 500, 200, 200]
    assert fault.fired == 2


def test_a_fault_strikes_from_its_request_on(seller: Seller, caller: Caller) -> None:
    seller.faults.add("proxy", request=3)
    assert [caller.search(1).status_code for _ in range(4)] == [200, 200, 500, 500]


def test_a_probable_fault_strikes_the_same_requests_for_the_same_seed(simulator: Simulator) -> None:
    runs = []
    for name in ("하나", "둘"):
        one = simulator.add_seller(name, 1, replenish=1_000)
        one.faults.add("proxy", probability=0.5, seed=7)
        with Caller(simulator, one) as calling:
            runs.append([calling.search(1).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_faults_are_the_sellers_own_and_can_be_switched_off(simulator: Simulator, seller: Seller) -> None:
    other = simulator.add_seller("이웃집", 1)
    seller.faults.add("maintenance")
    seller.faults.add("proxy")
    with Caller(simulator, seller) as ours, Caller(simulator, other) as theirs:
        assert theirs.search(1).status_code == 200
        assert ours.ask_token().status_code == 503
        seller.faults.clear("maintenance")
        assert ours.search(1).status_code == 500
        seller.faults.clear()
        assert ours.search(1).status_code == 200


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "earthquake"},
        {"kind": "proxy", "colour": "blue"},
        {"kind": "proxy", "page": "2"},
        {"kind": "proxy", "times": True},
        {"kind": "silence", "seconds": None},
        {"kind": "proxy", "endpoint": "orders"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(seller: Seller, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fault"):
        seller.faults.add(**options)  # type: ignore[arg-type]
    assert seller.faults.current() == []
