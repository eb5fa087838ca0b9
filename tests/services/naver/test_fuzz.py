"""Real pages, spoilt in every way that comes to mind: a page or one of our errors comes out, nothing else."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import AnswerUnreadable, GConnectError
from services.naver.protocol import Answer, Item, Page, read_page, read_token
from tests.services.naver.bodies import EMPTY_SHOP, SHOP_OF_TWO, answer, page_body, product

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EXAMPLES = settings(max_examples=300)
PAGES = st.sampled_from([SHOP_OF_TWO, EMPTY_SHOP, page_body(*(product(number) for number in range(1, 6)))])


def read(body: bytes, status: int = 200) -> Page | GConnectError:
    try:
        page = read_page(Answer(status, {}, body), 1)
    except GConnectError as error:
        return error
    assert page.records == len(page.items) + len(page.rejected) + page.duplicates
    assert len({item.product_no for item in page.items}) == len(page.items)
    return page


@EXAMPLES
@given(PAGES, st.data())
def test_changed_bytes_give_a_page_or_one_of_our_errors(body: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt)))
        spoilt[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    read(bytes(spoilt))


@EXAMPLES
@given(PAGES, st.data())
def test_a_truncated_body_is_never_a_page(body: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(body) - 1))
    assert isinstance(read(body[:end]), AnswerUnreadable)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside."""
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [place for key, part in inside for place in [(*path, key), *places(part, (*path, key))]]


@EXAMPLES
@given(PAGES, json_values, st.booleans(), st.data())
def test_another_value_gives_a_page_or_one_of_our_errors(
    body: bytes, value: Any, drop: bool, data: st.DataObject
) -> None:
    page = orjson.loads(body)
    *path, last = data.draw(st.sampled_from(places(page)))
    holder = page
    for key in path:
        holder = holder[key]
    if drop:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(value)
    try:
        spoilt = orjson.dumps(page)
    except TypeError:
        return
    read(spoilt)


@EXAMPLES
@given(st.lists(json_values, max_size=4), st.integers(0, 4))
def test_spoilt_records_among_good_ones_leave_the_good_ones_whole(spoilt: list[Any], at: int) -> None:
    good = [product(number) for number in range(1, 6)]
    try:
        body = page_body(*good[:at], *spoilt, *good[at:])
    except TypeError:
        return
    page = read(body)
    assert isinstance(page, Page)
    assert [item.product_no for item in page.items] == [1, 2, 3, 4, 5]
    assert all(isinstance(item, Item) for item in page.items)
    assert len(page.rejected) == len(spoilt)


@EXAMPLES
@given(st.binary(), st.integers(100, 999))
def test_any_bytes_that_are_no_page_are_one_of_our_errors(body: bytes, status: int) -> None:
    assert isinstance(read(body, status), GConnectError)


@EXAMPLES
@given(json_values)
def test_any_token_answer_is_a_token_or_unreadable(body: Any) -> None:
    try:
        spoilt = orjson.dumps(body)
    except TypeError:
        return
    try:
        read_token(answer(spoilt), NOW)
    except AnswerUnreadable:
        return
    assert "access_token" in body
