"""Requests as they are documented, and answers into tokens and pages."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from pydantic import SecretStr

from services.errors import (
    AccessDenied,
    AnswerUnreadable,
    CredentialsRefused,
    NaverUnavailable,
)
from services.naver.protocol import (
    PAGE_SIZE,
    UNKNOWN_LIFETIME,
    Credentials,
    Token,
    body_hash,
    read_page,
    read_token,
    search_request,
    token_request,
)
from tests.services.naver.bodies import (
    EMPTY_SHOP,
    EMPTY_SHOP_SHA256,
    GATEWAY_REFUSAL,
    SHOP_OF_TWO,
    answer,
    page_body,
    product,
)

NOW = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)
KEY = Credentials("7dMvteboKNHwyRremLXXXX", SecretStr("$2a$04$abcdefghijklmnopqrstuu"))
TOKEN = Token(SecretStr("canary-token"), NOW + timedelta(hours=3))


def test_a_token_is_asked_for_in_the_form_body_and_nowhere_else() -> None:
    request = token_request(KEY, NOW)
    assert (request.method, request.path) == ("POST", "/external/v1/oauth2/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = {name: values[0] for name, values in parse_qs(request.content.decode(), strict_parsing=True).items()}
    assert list(form) == ["client_id", "timestamp", "grant_type", "client_secret_sign", "type"]
    assert form["grant_type"] == "client_credentials"
    assert form["type"] == "SELF"
    assert form["client_id"] == "7dMvteboKNHwyRremLXXXX"


def test_the_time_stamp_is_in_milliseconds_a_minute_ago() -> None:
    form = parse_qs(token_request(KEY, NOW).content.decode())
    assert form["timestamp"] == ["1795316340123"]
    assert datetime.fromtimestamp(1795316340.123, UTC) == NOW.replace(microsecond=123000) - timedelta(minutes=1)


def test_a_secret_that_cannot_sign_asks_for_nothing() -> None:
    with pytest.raises(CredentialsRefused):
        token_request(Credentials("id", SecretStr("2a04abc")), NOW)


def test_secrets_show_in_no_repr() -> None:
    search = search_request(TOKEN, 1)
    token_answer = answer({"access_token": "canary-token"})
    shown = repr([KEY, token_request(KEY, NOW), TOKEN, search, token_answer])
    assert "canary" not in shown
    assert "abcdefghij" not in shown
    assert "client_secret_sign" not in shown


def test_a_token_lives_as_long_as_it_says() -> None:
    token = read_token(answer({"access_token": "abc", "expires_in": 10799, "token_type": "Bearer"}), NOW)
    assert token.value.get_secret_value() == "abc"
    assert token.expires_at == NOW + timedelta(seconds=10799)


@pytest.mark.parametrize("expires_in", [None, "10799", -1, True, 1.5, [], ...])
def test_a_token_that_does_not_say_how_long_it_lives_is_taken_for_short(expires_in: Any) -> None:
    body = {"access_token": "abc"} | ({} if expires_in is ... else {"expires_in": expires_in})
    assert read_token(answer(body), NOW).expires_at == NOW + UNKNOWN_LIFETIME


def test_a_token_is_not_believed_to_outlive_the_documented_three_hours() -> None:
    token = read_token(answer({"access_token": "abc", "expires_in": 2**62}), NOW)
    assert token.expires_at == NOW + timedelta(hours=3)


@pytest.mark.parametrize("value", [None, "", 5, "a b", "a\r\nx-evil: 1", "토큰", "x" * 5000, ...])
def test_an_answer_without_a_usable_token_is_unreadable(value: Any) -> None:
    body = {} if value is ... else {"access_token": value}
    with pytest.raises(AnswerUnreadable) as error:
        read_token(answer(body, gncp_gw_trace_id="t-1"), NOW)
    assert error.value.params == {"detail": "access_token", "status": 200}
    assert error.value.trace_id == "t-1"


def test_a_refused_token_request_is_the_error_that_its_answer_means() -> None:
    body = {"code": "BAD_REQUEST", "invalidInputs": [{"name": "client_secret_sign"}]}
    with pytest.raises(CredentialsRefused):
        read_token(answer(body, 400), NOW)


def test_a_page_is_asked_for_in_the_order_that_moves_least() -> None:
    request = search_request(TOKEN, 3)
    assert (request.method, request.path) == ("POST", "/external/v1/products/search")
    assert request.headers["authorization"] == "Bearer canary-token"
    assert request.headers["content-type"] == "application/json"
    assert orjson.loads(request.content) == {"page": 3, "size": PAGE_SIZE, "orderType": "NO"}
    assert orjson.loads(search_request(TOKEN, 1, size=1).content)["size"] == 1


def test_a_real_page_is_read() -> None:
    page = read_page(answer(SHOP_OF_TWO), 1)
    assert (page.number, page.total_elements, page.records, page.duplicates) == (1, 2, 1, 0)
    assert page.rejected == ()
    assert not page.unchanged
    [item] = page.items
    assert item.product_no == 13278540332
    assert item.document == orjson.loads(SHOP_OF_TWO)["contents"][0]
    assert item.channel_product_no == 13337252556
    assert (item.name, item.status_type, item.display_status) == ("steam game test AA", "SALE", "ON")
    assert (item.sale_price, item.discounted_price, item.stock_quantity) == (30000, 10, 9)
    assert (item.category_id, item.seller_code) == ("50001735", None)
    assert item.image_url == "https://shop-phinf.pstatic.net/..."
    assert item.registered_at == item.modified_at == datetime(2026, 4, 1, 7, 31, 2, 64000, tzinfo=UTC)


def test_the_real_empty_page_is_the_published_one_and_is_read() -> None:
    assert hashlib.sha256(EMPTY_SHOP).hexdigest() == EMPTY_SHOP_SHA256
    page = read_page(answer(EMPTY_SHOP), 1)
    assert (page.total_elements, page.records, page.items) == (0, 0, ())


def test_a_known_page_is_not_read_but_keeps_its_total() -> None:
    page = read_page(answer(SHOP_OF_TWO), 1, known=body_hash(SHOP_OF_TWO))
    assert page.unchanged
    assert (page.total_elements, page.items, page.records) == (2, (), 0)
    assert page.body_hash == read_page(answer(SHOP_OF_TWO), 1).body_hash


def test_a_page_with_another_hash_is_read() -> None:
    assert not read_page(answer(SHOP_OF_TWO), 1, known=body_hash(EMPTY_SHOP)).unchanged


@pytest.mark.parametrize(
    "body",
    [
        page_body(product(name="x", note={"totalElements": 7}), totalElements=1),
        page_body(product(**{'x"totalElements': 5}), totalElements=...)[:-1] + b',"totalElement\\u0073":1}',
        page_body(product(), totalElements=1).replace(b'"totalElements"', b'"totalElement\\u0073"'),
        page_body(product(**{'x"totalElements': "y"}), totalElements=1),
    ],
)
def test_where_the_total_is_in_doubt_a_known_page_is_read_after_all(body: bytes) -> None:
    page = read_page(answer(body), 1, known=body_hash(body))
    assert not page.unchanged
    assert page.total_elements == 1


def test_text_that_looks_like_the_envelope_does_not_deceive_a_known_page() -> None:
    body = page_body(product(name='"totalElements":99,'), totalElements=1)
    assert read_page(answer(body), 1, known=body_hash(body)).total_elements == 1


def test_a_page_that_does_not_say_its_number_is_taken() -> None:
    assert read_page(answer(page_body(product(), page=...)), 4).records == 1
    assert read_page(answer(page_body(product(), page=None)), 4).records == 1


def test_a_page_that_says_another_number_is_refused() -> None:
    with pytest.raises(AnswerUnreadable) as error:
        read_page(answer(page_body(product(), page=1)), 2)
    assert error.value.params["detail"] == "page"


@pytest.mark.parametrize(
    ("envelope", "detail"),
    [
        ({"page": "1"}, "page"),
        ({"page": True}, "page"),
        ({"page": 1.0}, "page"),
        ({"totalElements": "1"}, "totalElements"),
        ({"totalElements": -1}, "totalElements"),
        ({"totalElements": 2**63}, "totalElements"),
        ({"totalElements": True}, "totalElements"),
        ({"totalElements": ...}, "totalElements"),
        ({"contents": None}, "contents"),
        ({"contents": {}}, "contents"),
        ({"contents": ...}, "contents"),
    ],
)
def test_an_envelope_of_another_shape_names_the_culprit(envelope: dict[str, Any], detail: str) -> None:
    with pytest.raises(AnswerUnreadable) as error:
        read_page(answer(page_body(**envelope), gncp_gw_trace_id="t-1"), 1)
    assert error.value.params == {"detail": detail, "status": 200}
    assert error.value.trace_id == "t-1"


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"contents"'])
def test_json_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable, match="not_object"):
        read_page(answer(body), 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        SHOP_OF_TWO[:-1],
        SHOP_OF_TWO[: len(SHOP_OF_TWO) // 2],
        SHOP_OF_TWO + b"}",
        "디지털".encode("euc-kr"),
        EMPTY_SHOP.decode().encode("utf-16"),
        EMPTY_SHOP.replace(b":0", b":NaN"),
        EMPTY_SHOP.replace(b":0", b":-Infinity"),
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable, match="not_json"):
        read_page(answer(body), 1)


def test_a_byte_order_mark_is_tolerated() -> None:
    assert read_page(answer(b"\xef\xbb\xbf" + SHOP_OF_TWO), 1).records == 1


def test_one_bad_record_costs_the_others_nothing() -> None:
    body = page_body(product(1), product(2, salePrice=...), 7, product(3))
    page = read_page(answer(body), 1)
    assert [item.product_no for item in page.items] == [1, 3]
    assert [(bad.position, bad.product_no, bad.reason, bad.field) for bad in page.rejected] == [
        (1, 2, "missing", "salePrice"),
        (2, None, "not_object", None),
    ]
    assert page.records == 4


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (b'"name":"\\ud800"', "bad_character"),
        (b'"name":"\\ud83d \\ude00"', "bad_character"),
        (b'"name":"x","note":1e999', "wrong_type"),
        (b'"name":"x","note":' + b"9" * 400, "wrong_type"),
        (b'"name":"x","note":' + b"9" * 5000, "wrong_type"),
    ],
)
def test_what_orjson_refuses_in_one_record_costs_the_others_nothing(spoil: bytes, reason: str) -> None:
    body = page_body(product(1), product(2, name="spoil"), product(3)).replace(b'"name":"spoil"', spoil)
    page = read_page(answer(body), 1)
    assert [item.product_no for item in page.items] == [1, 3]
    [bad] = page.rejected
    assert (bad.product_no, bad.reason) == (2, reason)
    assert bad.raw.startswith(b'{"originProductNo"')


def test_ordinary_numbers_survive_beside_one_that_orjson_refuses() -> None:
    body = page_body(product(1, note=0.5), product(2, name="spoil")).replace(b'"spoil"', b"1e999")
    page = read_page(answer(body), 1)
    assert page.items[0].document["channelProducts"][0]["note"] == 0.5
    assert page.rejected[0].field is None


def test_a_product_that_stands_twice_in_a_page_is_kept_once_and_counted() -> None:
    page = read_page(answer(page_body(product(1, name="first"), product(1, name="second"), product(2))), 1)
    assert [(item.product_no, item.name) for item in page.items] == [(1, "first"), (2, "steam game test AA")]
    assert page.duplicates == 1
    assert page.records == 3


def test_a_page_that_was_refused_is_the_error_that_its_answer_means() -> None:
    with pytest.raises(AccessDenied):
        read_page(answer(GATEWAY_REFUSAL, 401), 1)
    with pytest.raises(NaverUnavailable):
        read_page(answer(b"<html>", 502), 1)
