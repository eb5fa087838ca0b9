"""Which records can be stored, and why others cannot."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.naver.products import Item, Rejected, read_instant
from services.naver.records import MAX_NAME, MAX_RAW, read_record
from tests.services.naver.bodies import product


def accepted(record: object) -> Item:
    read = read_record(0, record)
    assert isinstance(read, Item), read
    return read


def rejected(record: object) -> Rejected:
    read = read_record(0, record)
    assert isinstance(read, Rejected)
    return read


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_the_smart_store_speaks_for_a_product_before_other_channels() -> None:
    window = product(name="window", channelServiceType="WINDOW")
    both = {**window, "channelProducts": window["channelProducts"] + product(name="store")["channelProducts"]}
    assert accepted(both).name == "store"
    assert accepted(window).name == "window"


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"salePrice": ...}, "missing", "salePrice"),
        ({"salePrice": None}, "missing", "salePrice"),
        ({"salePrice": "30000"}, "wrong_type", "salePrice"),
        ({"salePrice": 1.5}, "wrong_type", "salePrice"),
        ({"salePrice": True}, "wrong_type", "salePrice"),
        ({"salePrice": -1}, "out_of_range", "salePrice"),
        ({"salePrice": 999_999_991}, "out_of_range", "salePrice"),
        ({"name": {"ko": "이름"}}, "wrong_type", "name"),
        ({"name": "가" * (MAX_NAME + 1)}, "too_long", "name"),
        ({"statusType": 3}, "wrong_type", "statusType"),
        ({"statusType": "S" * 65}, "too_long", "statusType"),
        ({"discountedPrice": -1}, "out_of_range", "discountedPrice"),
        ({"stockQuantity": "many"}, "wrong_type", "stockQuantity"),
        ({"stockQuantity": 2**63}, "out_of_range", "stockQuantity"),
        ({"channelProductNo": 0}, "out_of_range", "channelProductNo"),
        ({"channelProductDisplayStatusType": []}, "wrong_type", "channelProductDisplayStatusType"),
        ({"sellerManagementCode": 5}, "wrong_type", "sellerManagementCode"),
        ({"categoryId": 50001735}, "wrong_type", "categoryId"),
        ({"representativeImage": "https://x"}, "wrong_type", "representativeImage"),
        ({"representativeImage": {"url": 1}}, "wrong_type", "url"),
        ({"regDate": "yesterday"}, "bad_date", "regDate"),
        ({"modifiedDate": "2026-13-01T00:00:00Z"}, "bad_date", "modifiedDate"),
        ({"modifiedDate": 1711956662}, "wrong_type", "modifiedDate"),
        ({"name": "a\0b"}, "bad_character", None),
        ({"note": {"a": ["deep", {"k\0": 1}]}}, "bad_character", None),
        ({"note": "\ud800"}, "bad_character", None),
        ({"note": "가" * 100_000}, "too_long", None),
        ({"note": nested(300)}, "too_deep", None),
        ({"note": nested(5000)}, "too_deep", None),
        ({"note": [*nested(300), "\ud800"]}, "bad_character", None),
        ({"note": 2**64}, "wrong_type", None),
    ],
)
def test_a_field_that_cannot_be_stored_rejects_the_record_by_name(
    fields: dict[str, Any], reason: str, field: str | None
) -> None:
    bad = rejected(product(77, **fields))
    assert (bad.reason, bad.field, bad.product_no) == (reason, field, 77)


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        (7, "not_object", None),
        (None, "not_object", None),
        ([product()], "not_object", None),
        ({}, "missing", "originProductNo"),
        (product(0), "out_of_range", "originProductNo"),
        (product(2**63), "out_of_range", "originProductNo"),
        ({**product(), "originProductNo": "13278540332"}, "wrong_type", "originProductNo"),
        ({**product(), "originProductNo": 1.3e10}, "wrong_type", "originProductNo"),
    ],
)
def test_without_a_product_number_a_record_is_rejected_without_one(
    record: object, reason: str, field: str | None
) -> None:
    bad = rejected(record)
    assert (bad.reason, bad.field, bad.product_no) == (reason, field, None)


@pytest.mark.parametrize(
    ("channels", "reason"),
    [(None, "missing"), ([], "missing"), ({}, "wrong_type"), ("x", "wrong_type"), ([5], "wrong_type")],
)
def test_a_product_needs_a_channel(channels: object, reason: str) -> None:
    bad = rejected({"originProductNo": 5, "channelProducts": channels})
    assert (bad.reason, bad.field, bad.product_no) == (reason, "channelProducts", 5)


@pytest.mark.parametrize(
    "fields",
    [
        {"statusType": "SOMETHING_NEW", "channelServiceType": "SOMEWHERE_NEW"},
        {"name": "\u202e가\x01\t𝄞👨‍👩‍👧"},
        {"name": "\\u0000 as six characters"},
        {"name": "", "stockQuantity": -3},
        {"name": "가" * MAX_NAME},
        {"salePrice": 0},
        {"salePrice": 999_999_990},
        {"unknown": {"of": ["any", 1.5, None, True]}},
        {"note": nested(200)},
    ],
)
def test_what_is_only_unusual_is_accepted(fields: dict[str, Any]) -> None:
    record = product(**fields)
    assert accepted(record).document == record


def test_whatever_may_be_left_out_is_none() -> None:
    item = accepted({"originProductNo": 5, "channelProducts": [{"salePrice": 100}]})
    assert (item.name, item.status_type, item.display_status, item.seller_code) == (None,) * 4
    assert (item.discounted_price, item.stock_quantity, item.channel_product_no) == (None,) * 3
    assert (item.category_id, item.image_url, item.registered_at, item.modified_at) == (None,) * 4


def test_null_is_as_good_as_left_out() -> None:
    item = accepted(product(stockQuantity=None, representativeImage=None, regDate=None))
    assert (item.stock_quantity, item.image_url, item.registered_at) == (None, None, None)


def test_the_hash_does_not_depend_on_the_order_of_keys_and_depends_on_every_value() -> None:
    record = product()
    shuffled = list(record["channelProducts"][0].items())
    random.Random(7).shuffle(shuffled)
    other = {"channelProducts": [dict(shuffled)], "originProductNo": record["originProductNo"]}
    assert accepted(other).content_hash == accepted(record).content_hash
    assert len(accepted(record).content_hash) == 16
    for changed in (product(salePrice=1), product(brandName="x"), product(sellerTags=...)):
        assert accepted(changed).content_hash != accepted(record).content_hash


def test_what_is_kept_of_a_rejected_record_is_short_and_whole_characters() -> None:
    raw = rejected(product(name="가" * 20_000)).raw
    assert MAX_RAW - 3 <= len(raw) <= MAX_RAW
    assert raw.decode().startswith('{"originProductNo":13278540332,')
    assert orjson.loads(rejected({"a": 1}).raw) == {"a": 1}
    assert orjson.loads(rejected({"a": "\ud800"}).raw.replace(b"\\ud800", b"x")) == {"a": "x"}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-04-01T16:31:02.064+09:00", datetime(2026, 4, 1, 7, 31, 2, 64000, tzinfo=UTC)),
        ("2026-04-01T16:31:02.1+0900", datetime(2026, 4, 1, 7, 31, 2, 100000, tzinfo=UTC)),
        ("2026-04-01T07:31:02Z", datetime(2026, 4, 1, 7, 31, 2, tzinfo=UTC)),
        ("2026-04-01t07:31:02.123456789012z", datetime(2026, 4, 1, 7, 31, 2, 123456, tzinfo=UTC)),
        ("2026-04-01 07:31+00", datetime(2026, 4, 1, 7, 31, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_with_any_number_of_fractional_digits(text: str, instant: datetime) -> None:
    assert read_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-04-01",
        "2026-04-01T16:31:02",
        "2026-W14-3T16:31:02Z",
        "2026-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-09:00",
        "2026-04-01T16:31:02+99:00",
        "٢٠٢٦-04-01T16:31:02Z",
        "2026-04-01T16:31:02Z\n",
    ],
)
def test_what_is_no_instant_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_instant(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from([*product()["channelProducts"][0], "originProductNo", "channelProducts"])


@given(json_values)
def test_no_json_whatever_raises(record: object) -> None:
    assert isinstance(read_record(0, record), Rejected)


@given(st.dictionaries(field_names, json_values, max_size=4))
def test_no_field_whatever_raises_and_what_is_accepted_can_be_read(fields: dict[str, Any]) -> None:
    read = read_record(3, product(5, **fields))
    if isinstance(read, Rejected):
        assert read.position == 3
        assert len(read.raw) <= MAX_RAW
        return
    for name in (name for name, part in vars(Item).items() if isinstance(part, property)):
        getattr(read, name)
    assert orjson.loads(orjson.dumps(read.document)) is not None


@given(st.text(st.characters(categories=None)))
def test_every_text_that_is_accepted_can_be_stored(text: str) -> None:
    read = read_record(0, product(note=text))
    can_be_stored = "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
    assert isinstance(read, Item) == can_be_stored
