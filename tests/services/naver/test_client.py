"""A session of the client: its token and its pace. No sockets."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from services.errors import (
    AccessDenied,
    NaverBusy,
    NaverTimeout,
)
from services.naver.protocol import body_hash
from tests.services.naver.bodies import GATEWAY_REFUSAL, page_body, product
from tests.services.naver.fake_naver import (
    PAGE,
    REFUSED,
    UNAVAILABLE,
    FakeNaver,
    failure,
    good,
)


def test_one_token_serves_all_pages_of_a_session() -> None:
    naver = FakeNaver(good(page_body(product(1), page=...)))
    session = naver.session()
    assert [len(session.page(number).items) for number in (1, 2, 3)] == [1, 1, 1]
    assert naver.calls == ["token", "1 t1", "2 t1", "3 t1"]
    assert naver.meter.requests == {("token", "200"): 1, ("products_search", "200"): 3}
    assert naver.meter.waited == 0


def test_a_page_that_is_known_comes_back_unchanged() -> None:
    page = FakeNaver(good()).session().page(1, known=body_hash(PAGE))
    assert page.unchanged
    assert page.total_elements == 2


def test_a_check_gets_a_token_asks_for_one_product_and_tells_how_many_there_are() -> None:
    naver = FakeNaver(good(page_body(product(1), size=1, totalElements=1284)))
    assert naver.session().check() == 1284
    assert naver.calls == ["token", "1 t1"]


def test_a_token_that_is_about_to_end_is_replaced_before_it_is_used() -> None:
    naver = FakeNaver(good(page_body(page=...)), expires_in=120)
    session = naver.session()
    session.page(1)
    naver.clock.advance(timedelta(seconds=59))
    session.page(2)
    naver.clock.advance(timedelta(seconds=1))
    session.page(3)
    assert naver.calls == ["token", "1 t1", "2 t1", "token", "3 t2"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_replaced_once_and_the_page_asked_for_again(status: int) -> None:
    naver = FakeNaver(httpx.Response(status, content=GATEWAY_REFUSAL), good())
    assert len(naver.session().page(1).items) == 2
    assert naver.calls == ["token", "1 t1", "token", "1 t2"]


def test_a_token_that_is_refused_again_is_given_up() -> None:
    naver = FakeNaver(REFUSED)
    error = failure(naver)
    assert isinstance(error, AccessDenied)
    assert error.params == {"status": 401, "naver_code": "GW.AUTHN"}
    assert error.trace_id == "cr3-000000-aaaaaa^1730711073284^6745261"
    assert naver.calls == ["token", "1 t1", "token", "1 t2"]


def test_tries_in_place_do_not_buy_a_second_new_token() -> None:
    naver = FakeNaver(REFUSED, UNAVAILABLE, REFUSED, good())
    assert isinstance(failure(naver), AccessDenied)
    assert naver.calls == ["token", "1 t1", "token", "1 t2", "1 t2"]


def test_the_next_page_may_have_a_new_token_again() -> None:
    naver = FakeNaver(REFUSED, good(), REFUSED, good(page_body(page=2)))
    session = naver.session()
    session.page(1)
    session.page(2)
    assert naver.calls == ["token", "1 t1", "token", "1 t2", "2 t2", "token", "2 t3"]


def test_the_pace_is_waited_for_and_counted() -> None:
    naver = FakeNaver(good(page_body(page=...), gncp_gw_ratelimit_remaining="0"))
    session = naver.session()
    session.page(1)
    session.page(2)
    assert naver.pauses == pytest.approx([0, 1.01])
    assert naver.meter.waited == pytest.approx(1.01)


def test_whoever_settles_leaves_a_token_for_the_next() -> None:
    naver = FakeNaver(good(gncp_gw_ratelimit_remaining="0"))
    session = naver.session()
    session.settle()
    assert naver.meter.waited == 0
    session.page(1)
    session.settle()
    assert naver.meter.waited == pytest.approx(1.01)


def test_a_request_that_was_not_answered_counts_against_the_pace() -> None:
    naver = FakeNaver(httpx.ReadTimeout("slow"))
    session = naver.session()
    for number in (1, 2):
        with pytest.raises(NaverTimeout):
            session.page(number)
    # Four went without a word about the rate; the measured rate is kept from there on.
    assert naver.meter.waited > 0


def test_a_pace_that_does_not_fit_the_page_is_left_to_the_caller() -> None:
    naver = FakeNaver(good(gncp_gw_ratelimit_remaining="0", gncp_gw_ratelimit_replenish_rate="0"))
    session = naver.session(page_timeout=5.0)
    session.page(1)
    with pytest.raises(NaverBusy) as error:
        session.page(1)
    assert error.value.after == timedelta(seconds=10)
    assert len(naver.searches) == 1
