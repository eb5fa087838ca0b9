"""Every documented refusal is one of our errors; what is undocumented is decided by its status."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import (
    AccessDenied,
    AnswerUnreadable,
    AuthFailure,
    CallIpNotAllowed,
    ClockSkewed,
    CredentialsRefused,
    GConnectError,
    GiveUp,
    NaverBusy,
    NaverMaintenance,
    NaverTimeout,
    NaverUnavailable,
    QuotaExhausted,
    RequestRefused,
    RetryLater,
    StoreUnavailable,
)
from services.naver.failures import STORE_CODES, error_of, trace_id_of, wants_new_token
from services.naver.messages import Endpoint
from tests.services.naver.bodies import GATEWAY_REFUSAL, QUOTA_PENALTY, answer

BOTH: tuple[Endpoint, ...] = ("token", "products_search")

TABLE: list[tuple[int, str, type[GConnectError]]] = [
    (401, "GW.AUTHN", AccessDenied),
    (403, "GW.AUTHN", AccessDenied),
    (403, "GW.IP_NOT_ALLOWED", CallIpNotAllowed),
    (404, "GW.NOT_FOUND", RequestRefused),
    (429, "GW.RATE_LIMIT", NaverBusy),
    (429, "GW.QUOTA_LIMIT", QuotaExhausted),
    *((500, f"GW.PROXY.0{number}", NaverUnavailable) for number in range(1, 6)),
    (500, "GW.INTERNAL_SERVER_ERROR", NaverUnavailable),
    (503, "GW.BLOCK.01", NaverUnavailable),
    (503, "GW.BLOCK.02", NaverMaintenance),
    (504, "GW.TIMEOUT.01", NaverTimeout),
    (504, "GW.TIMEOUT.02", NaverTimeout),
    (308, "PERMANENT_REDIRECT", RequestRefused),
    (400, "BAD_REQUEST", RequestRefused),
    (401, "UNAUTHORIZED", AccessDenied),
    (403, "FORBIDDEN", AccessDenied),
    (404, "NOT_FOUND", RequestRefused),
    (500, "INTERNAL_SERVER_ERROR", NaverUnavailable),
]
"""The codes of the gateway and of the API servers, complete."""


@pytest.mark.parametrize(("status", "code", "kind"), TABLE)
def test_every_documented_code_of_the_search_has_its_error(status: int, code: str, kind: type[GConnectError]) -> None:
    error = error_of(answer({"code": code, "message": "카나리아"}, status), "products_search")
    assert type(error) is kind
    assert error.params.get("naver_code", code) == code
    assert "카나리아" not in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe", b"[]", b'"x"', b"{}", b'{"code":7}', b'{"code":"a b"}', b'{"code":[]}']
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (204, AnswerUnreadable),
        (301, RequestRefused),
        (400, RequestRefused),
        (401, AccessDenied),
        (403, AccessDenied),
        (404, RequestRefused),
        (405, RequestRefused),
        (408, NaverTimeout),
        (415, RequestRefused),
        (429, NaverBusy),
        (500, NaverUnavailable),
        (502, NaverUnavailable),
        (503, NaverUnavailable),
        (504, NaverTimeout),
        (599, NaverUnavailable),
    ],
)
def test_without_a_code_the_status_decides(status: int, kind: type[GConnectError], body: bytes) -> None:
    error = error_of(answer(body, status), "products_search")
    assert type(error) is kind
    assert error.params.get("status", status) == status
    assert "naver_code" not in error.params


@pytest.mark.parametrize(
    ("fields", "kind", "params"),
    [
        (["client_id"], CredentialsRefused, {"field": "client_id"}),
        (["client_secret_sign"], CredentialsRefused, {"field": "client_secret_sign"}),
        (["timestamp"], ClockSkewed, {}),
        (["client_secret_sign", "timestamp"], ClockSkewed, {}),
        (["type", "client_id"], CredentialsRefused, {"field": "client_id"}),
        (["type"], RequestRefused, {"field": "type"}),
        (["account_id"], RequestRefused, {"field": "account_id"}),
        (["카나리아", "new_field"], RequestRefused, {"field": "new_field"}),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_the_invalid_input_of_a_token_request_names_who_must_act(
    status: int, fields: list[str], kind: type[GConnectError], params: dict[str, Any]
) -> None:
    inputs = [{"name": name, "type": "NotValid", "message": f"{name} 항목이 유효하지 않습니다."} for name in fields]
    error = error_of(answer({"code": "BAD_REQUEST", "invalidInputs": inputs}, status), "token")
    if status == 403 and kind is RequestRefused:
        kind, params = AccessDenied, {}
    assert type(error) is kind
    assert error.params.items() >= params.items()


@pytest.mark.parametrize("inputs", [None, "client_id", {"name": "client_id"}, [None, 5, "client_id", {"name": 5}, {}]])
def test_garbled_invalid_inputs_name_nobody(inputs: object) -> None:
    error = error_of(answer({"code": "BAD_REQUEST", "invalidInputs": inputs}, 400), "token")
    assert type(error) is RequestRefused
    assert error.params == {"status": 400, "naver_code": "BAD_REQUEST"}


def test_a_token_endpoint_that_does_not_know_us_refuses_the_key() -> None:
    assert type(error_of(answer(b"", 401), "token")) is CredentialsRefused
    assert type(error_of(answer(b"", 403), "token")) is AccessDenied
    assert type(error_of(answer(b"", 415), "token")) is RequestRefused
    assert type(error_of(answer(b"", 500), "token")) is NaverUnavailable


@pytest.mark.parametrize("endpoint", BOTH)
@pytest.mark.parametrize("code", sorted(STORE_CODES))
@pytest.mark.parametrize("status", [403, 404])
def test_a_store_that_is_closed_gives_its_reason(status: int, code: str, endpoint: Endpoint) -> None:
    error = error_of(answer({"code": code}, status), endpoint)
    assert type(error) is StoreUnavailable
    assert error.params == {"reason": code}


@pytest.mark.parametrize("endpoint", BOTH)
def test_an_unregistered_address_is_told_at_either_endpoint(endpoint: Endpoint) -> None:
    assert type(error_of(answer({"code": "GW.IP_NOT_ALLOWED"}, 403), endpoint)) is CallIpNotAllowed


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"gncp_gw_quota_period": "HOURS", "gncp_gw_quota_limit": "1"}, {"period": "HOURS", "limit": 1}),
        ({"gncp_gw_quota_period": "ROUND", "gncp_gw_quota_limit": "x"}, {"period": "ROUND"}),
        ({"gncp_gw_quota_period": "FORTNIGHTS"}, {"period": "FORTNIGHTS"}),
        ({"gncp_gw_quota_period": "per hour; <b>"}, {}),
        ({}, {}),
    ],
)
def test_a_quota_of_hours_or_of_an_unknown_period_is_given_up(headers: dict[str, str], params: dict[str, Any]) -> None:
    error = error_of(answer(QUOTA_PENALTY, 429, **headers), "products_search")
    assert type(error) is QuotaExhausted
    assert error.params == params
    assert error.trace_id == "AaAYlkBsfUaXMAWmvWamgw^1787118894419^13567092"


def test_a_quota_of_seconds_passes_by_itself() -> None:
    error = error_of(answer(QUOTA_PENALTY, 429, gncp_gw_quota_period="SECONDS"), "products_search")
    assert type(error) is NaverBusy
    assert error.after == timedelta(seconds=1)


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), ("0", 1), ("99999", 3600), ("-5", 1), ("soon", 1), ("1.5", 1)])
def test_a_retry_after_is_honoured_within_bounds(said: str, seconds: int) -> None:
    error = error_of(answer({"code": "GW.RATE_LIMIT"}, 429, retry_after=said), "products_search")
    assert isinstance(error, NaverBusy)
    assert error.after == timedelta(seconds=seconds)


def test_a_server_error_is_tried_again_when_the_server_says() -> None:
    error = error_of(answer(b"", 503, retry_after="99999"), "products_search")
    assert isinstance(error, NaverUnavailable)
    assert error.after == timedelta(hours=1)


def test_the_trace_id_is_taken_from_the_header_before_the_body() -> None:
    assert trace_id_of(answer(GATEWAY_REFUSAL, 401, gncp_gw_trace_id="header-1")) == "header-1"
    assert trace_id_of(answer(GATEWAY_REFUSAL, 401)) == "cr3-000000-aaaaaa^1730711073284^6745261"


@pytest.mark.parametrize("garbled", ["", "a b", "x" * 129, "추적", "a\nb"])
def test_a_garbled_trace_id_is_none(garbled: str) -> None:
    assert trace_id_of(answer({"traceId": garbled}, 500, gncp_gw_trace_id=garbled)) is None


def test_only_the_gateway_s_own_code_asks_for_a_new_token() -> None:
    assert wants_new_token(answer(GATEWAY_REFUSAL, 401))
    assert wants_new_token(answer(GATEWAY_REFUSAL, 403))
    assert not wants_new_token(answer(GATEWAY_REFUSAL, 500))
    assert not wants_new_token(answer({"code": "UNAUTHORIZED"}, 401))
    assert not wants_new_token(answer(b"", 401))


@given(
    st.integers(100, 999).filter(lambda status: status != 200),
    st.binary()
    | st.dictionaries(st.sampled_from(["code", "traceId", "invalidInputs"]), st.text() | st.integers(-(2**63), 2**63)),
    st.sampled_from(BOTH),
)
def test_whatever_is_answered_is_one_of_our_errors_and_quotes_nothing(
    status: int, body: Any, endpoint: Endpoint
) -> None:
    error = error_of(answer(body, status), endpoint)
    assert isinstance(error, RetryLater | GiveUp)
    assert not isinstance(error, AuthFailure) or 400 <= status < 500
    assert str(error).isascii()
