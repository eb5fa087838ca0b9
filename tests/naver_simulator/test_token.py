from __future__ import annotations

from random import Random

import pytest

from tests.naver_simulator import published
from tests.naver_simulator.caller import SEARCH, TOKEN, Caller, FrozenTime
from tests.simulator import Seller, Simulator
from tests.simulator.accounts import Application


def refused(answer_json: dict[str, object]) -> list[str]:
    inputs = answer_json["invalidInputs"]
    assert isinstance(inputs, list)
    return [one["name"] for one in inputs]


def test_the_official_signature_vector_is_accepted() -> None:
    vector = published.SIGNATURE
    application = Application(vector["client_id"], vector["secret"], Random(0))
    assert application.signed(vector["sign"], vector["timestamp"])
    assert not application.signed(vector["sign"], "1643961623300")


def test_generated_keys_look_like_real_ones(seller: Seller) -> None:
    assert len(seller.client_id) == 22
    assert seller.client_id.isalnum()
    assert seller.secret.startswith("$2a$04$")
    assert len(seller.secret) == 29


def test_a_correct_request_gets_a_token_in_the_real_shape(caller: Caller) -> None:
    answer = caller.ask_token()
    assert list(answer.json()) == ["access_token", "expires_in", "token_type"]
    assert (answer.json()["expires_in"], answer.json()["token_type"]) == (10799, "Bearer")
    assert "gncp-gw-trace-id" in answer.headers
    assert not [name for name in answer.headers if "ratelimit" in name]


def test_the_same_token_is_issued_while_half_an_hour_is_left(caller: Caller, time: FrozenTime) -> None:
    first = caller.ask_token().json()
    time.advance(10_800 - 1_800)
    again = caller.ask_token().json()
    assert again["access_token"] == first["access_token"]
    assert again["expires_in"] == 1_799


def test_a_new_token_is_issued_later_and_the_old_one_stays_good_until_its_end(
    seller: Seller, caller: Caller, time: FrozenTime
) -> None:
    first = caller.ask_token().json()
    time.advance(10_800 - 1_799)
    second = caller.ask_token().json()
    assert second["access_token"] != first["access_token"]
    assert second["expires_in"] == 10799
    caller.token = first["access_token"]
    assert caller.search(1).status_code == 200
    time.advance(1_799)
    assert (caller.search(1).status_code, caller.search(1).json()["code"]) == (401, "GW.AUTHN")
    caller.token = second["access_token"]
    assert caller.search(1).status_code == 200


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"client_id": "nobody"}, "client_id"),
        ({"client_id": None}, "client_id"),
        ({"client_secret_sign": "JDJhJDA0"}, "client_secret_sign"),
        ({"client_secret_sign": "한글"}, "client_secret_sign"),
        ({"client_secret_sign": None}, "client_secret_sign"),
        ({"timestamp": "soon"}, "timestamp"),
        ({"timestamp": "1795000000"}, "timestamp"),
        ({"type": "SELLER"}, "type"),
        ({"type": None}, "type"),
        ({"grant_type": "password"}, "grant_type"),
        ({"account_id": "ncp_1"}, "account_id"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(caller: Caller, changes: dict[str, str | None], name: str) -> None:
    answer = caller.ask_token(**changes)
    assert answer.status_code == 400
    assert list(answer.json()) == ["code", "message", "invalidInputs", "timestamp"]
    assert answer.json()["code"] == "BAD_REQUEST"
    assert name in refused(answer.json())


@pytest.mark.parametrize(
    ("milliseconds", "status"), [(1, 400), (0, 200), (-5 * 60 * 1000, 200), (-5 * 60 * 1000 - 1, 400)]
)
def test_a_time_stamp_is_good_for_five_minutes_and_never_early(
    simulator: Simulator, caller: Caller, milliseconds: int, status: int
) -> None:
    timestamp = str(int(simulator.clock.now() * 1000) + milliseconds)
    answer = caller.ask_token(timestamp=timestamp)
    assert answer.status_code == status
    assert status == 200 or refused(answer.json()) == ["timestamp"]


def test_another_secret_makes_the_signature_wrong_at_once(seller: Seller, caller: Caller) -> None:
    old = caller.form()
    seller.change_secret()
    answer = caller.http.post(TOKEN, data=old)
    assert (answer.status_code, refused(answer.json())) == (400, ["client_secret_sign"])
    assert caller.ask_token().status_code == 200


def test_parameters_in_the_query_meet_415_by_default(caller: Caller) -> None:
    assert caller.http.post(TOKEN, params=caller.form()).status_code == 415
    assert caller.http.post(TOKEN, json=caller.form()).status_code == 415


def test_a_nonstandard_request_can_be_accepted_and_punished_with_one_call_an_hour(
    seller: Seller, caller: Caller, time: FrozenTime
) -> None:
    seller.nonstandard_tokens = "penalise"
    answer = caller.http.post(TOKEN, params=caller.form())
    assert answer.status_code == 200
    caller.token = answer.json()["access_token"]
    assert [caller.search(1).status_code for _ in range(3)] == [200, 429, 429]
    assert caller.search(1).json()["code"] == "GW.QUOTA_LIMIT"
    assert caller.ask_token().status_code == 200
    time.advance(3_600)
    assert [caller.search(1).status_code for _ in range(2)] == [200, 429]


def test_a_standard_request_is_never_punished(seller: Seller, caller: Caller) -> None:
    seller.nonstandard_tokens = "penalise"
    assert [caller.search(1).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic abc", "Bearer"])
def test_without_a_token_of_ours_the_gateway_refuses(caller: Caller, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = caller.http.post(SEARCH, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "GW.AUTHN")
    assert answer.headers["gncp-gw-trace-id"] == answer.json()["traceId"]


def test_a_token_without_its_scheme_is_refused(caller: Caller) -> None:
    caller.ask_token()
    assert caller.http.post(SEARCH, json={}, headers={"authorization": caller.token}).status_code == 401


def test_an_unknown_path_is_the_gateways_404(caller: Caller) -> None:
    answer = caller.http.get("/external/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "GW.NOT_FOUND")
