"""The client against the simulator: real sockets, the real clock, the documented behaviour and faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from services.clock import SystemClock
from services.errors import (
    AccessDenied,
    AnswerUnreadable,
    CallIpNotAllowed,
    ClockSkewed,
    CredentialsRefused,
    GConnectError,
    NaverMaintenance,
    NaverTimeout,
    NaverUnavailable,
    NaverUnreachable,
    QuotaExhausted,
    RequestRefused,
    StoreUnavailable,
)
from services.naver.client import NaverClient, NaverSession, open_http
from services.naver.products import Page
from services.naver.protocol import Credentials
from tests.fakes import FakeClock, HastyClock, RecordingMeter
from tests.simulator.sellers import Seller
from tests.simulator.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def seller(simulator: Simulator) -> Iterator[Seller]:
    yield simulator.add_seller("한빛상회", 25, replenish=1000)
    simulator.reset()


@pytest.fixture
def meter() -> RecordingMeter:
    return RecordingMeter()


class Opened:
    """Sessions on one HTTP client, which is closed with the test."""

    def __init__(self, url: str, meter: RecordingMeter) -> None:
        self.url, self.meter = url, meter
        self.http = open_http(connect_timeout=5, read_timeout=5)

    def session(self, seller: Seller, clock: Any = None, page_timeout: float = 30, secret: str = "") -> NaverSession:
        client = NaverClient(self.http, self.url, clock or HastyClock(), self.meter, page_timeout=page_timeout)
        return client.session(Credentials(seller.client_id, SecretStr(secret or seller.secret)))


@pytest.fixture
def opened(simulator: Simulator, meter: RecordingMeter) -> Iterator[Opened]:
    opened = Opened(simulator.url, meter)
    with opened.http:
        yield opened


def statuses(simulator: Simulator) -> list[tuple[str, int | None]]:
    return [(record.endpoint, record.status) for record in simulator.requests]


def walk(session: NaverSession, pages: int) -> list[Page]:
    return [session.page(number, size=10) for number in range(1, pages + 1)]


def test_a_healthy_run_at_the_documented_pace_is_never_refused(
    simulator: Simulator, opened: Opened, meter: RecordingMeter
) -> None:
    seller = simulator.add_seller("느린상회", 90)
    try:
        pages = walk(opened.session(seller, SystemClock()), 9)
    finally:
        answered = statuses(simulator)
        simulator.reset()
    assert answered == [("token", 200)] + [("search", 200)] * 9
    assert {page.total_elements for page in pages} == {90}
    assert len({item.product_no for page in pages for item in page.items}) == 90
    assert all(not page.rejected and not page.duplicates for page in pages)
    assert meter.waited > 0


def test_a_page_that_is_asked_for_again_is_unchanged(seller: Seller, opened: Opened) -> None:
    session = opened.session(seller)
    first = session.page(1)
    assert first.records == first.total_elements == 25
    again = session.page(1, known=first.body_hash)
    assert again.unchanged
    assert again.total_elements == 25


def test_a_check_of_a_good_key_says_how_many_products_there_are(seller: Seller, opened: Opened) -> None:
    assert opened.session(seller).check() == 25


def test_a_wrong_secret_is_named(simulator: Simulator, seller: Seller, opened: Opened) -> None:
    with pytest.raises(CredentialsRefused) as error:
        opened.session(seller, secret="$2a$04$abcdefghijklmnopqrstuu").check()
    assert error.value.params == {"field": "client_secret_sign"}
    assert statuses(simulator) == [("token", 400)]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_is_named(seller: Seller, opened: Opened, minutes: int) -> None:
    clock = FakeClock()
    clock.set_wall(SystemClock().now())
    opened.session(seller, clock).check()
    clock.set_wall(clock.now() + timedelta(minutes=minutes))
    with pytest.raises(ClockSkewed):
        opened.session(seller, clock).check()


def test_a_token_that_ends_in_the_middle_of_a_run_is_replaced(
    simulator: Simulator, seller: Seller, opened: Opened
) -> None:
    seller.faults.add("token_expired", page=2, times=1)
    assert [len(page.items) for page in walk(opened.session(seller), 3)] == [10, 10, 5]
    assert statuses(simulator) == [
        ("token", 200),
        ("search", 200),
        ("search", 401),
        ("token", 200),
        ("search", 200),
        ("search", 200),
    ]


@pytest.mark.parametrize("kind", ["authn_401", "authn_403"])
def test_the_same_bad_token_again_is_given_up(simulator: Simulator, seller: Seller, opened: Opened, kind: str) -> None:
    seller.faults.add(kind, page=2)
    with pytest.raises(AccessDenied) as error:
        walk(opened.session(seller), 2)
    assert error.value.trace_id
    assert [endpoint for endpoint, _ in statuses(simulator)] == ["token", "search", "search", "token", "search"]


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("ip_not_allowed", {}, CallIpNotAllowed),
        ("ip_not_allowed", {"endpoint": "search"}, CallIpNotAllowed),
        ("forbidden", {}, AccessDenied),
        ("quota", {}, QuotaExhausted),
        ("quota", {"period": "ROUND"}, QuotaExhausted),
        ("maintenance", {}, NaverMaintenance),
        ("maintenance", {"endpoint": "search"}, NaverMaintenance),
        ("not_found", {}, RequestRefused),
        ("bad_request", {}, RequestRefused),
        ("too_many_products", {}, RequestRefused),
        ("token_bad_request", {}, CredentialsRefused),
        ("token_bad_request", {"field": "client_id"}, CredentialsRefused),
        ("token_bad_request", {"field": "timestamp"}, ClockSkewed),
        ("token_bad_request", {"field": "type"}, RequestRefused),
        ("token_forbidden", {}, StoreUnavailable),
        ("token_unsupported", {}, RequestRefused),
    ],
)
def test_a_documented_refusal_is_raised_at_once(
    seller: Seller, opened: Opened, kind: str, options: dict[str, Any], expected: type[GConnectError]
) -> None:
    fault = seller.faults.add(kind, **options)
    with pytest.raises(GConnectError) as error:
        opened.session(seller).page(1)
    assert type(error.value) is expected
    assert error.value.trace_id
    assert fault.fired == 1


SHORT_FAULTS: list[tuple[str, dict[str, Any], type[GConnectError]]] = [
    ("rate_limit", {}, GConnectError),
    ("quota", {"period": "SECONDS"}, GConnectError),
    ("proxy", {}, NaverUnavailable),
    ("internal", {}, NaverUnavailable),
    ("api_internal", {}, NaverUnavailable),
    ("plain_internal", {}, NaverUnavailable),
    ("block", {}, NaverUnavailable),
    ("gateway_timeout", {}, NaverTimeout),
    ("bad_gateway", {}, NaverUnavailable),
    ("token_internal", {}, NaverUnavailable),
    ("missing_key", {}, AnswerUnreadable),
    ("total_as_text", {}, AnswerUnreadable),
    ("null_contents", {}, AnswerUnreadable),
    ("not_an_object", {}, AnswerUnreadable),
    ("invalid_json", {}, AnswerUnreadable),
    ("deep_nesting", {}, AnswerUnreadable),
    ("empty_body", {}, AnswerUnreadable),
    ("token_without_value", {}, AnswerUnreadable),
    ("truncated", {}, NaverUnreachable),
    ("reset", {}, NaverUnreachable),
]


@pytest.mark.parametrize(("kind", "options", "expected"), SHORT_FAULTS)
def test_a_fault_of_a_moment_heals_in_place(
    seller: Seller, opened: Opened, kind: str, options: dict[str, Any], expected: type[GConnectError]
) -> None:
    fault = seller.faults.add(kind, times=2, **options)
    assert opened.session(seller).page(1).records == 25
    assert fault.fired == 2


@pytest.mark.parametrize(("kind", "options", "expected"), SHORT_FAULTS)
def test_a_fault_that_lasts_is_raised_after_four_tries(
    seller: Seller, opened: Opened, kind: str, options: dict[str, Any], expected: type[GConnectError]
) -> None:
    fault = seller.faults.add(kind, **options)
    with pytest.raises(expected):
        opened.session(seller).page(1)
    assert fault.fired == 4


@pytest.mark.parametrize("kind", ["silence", "drip"])
def test_an_answer_that_takes_too_long_is_a_time_out(seller: Seller, opened: Opened, kind: str) -> None:
    seller.faults.add(kind, seconds=5, times=1)
    with pytest.raises(NaverTimeout):
        opened.session(seller, SystemClock(), page_timeout=0.4).page(1)


@pytest.mark.parametrize(
    "kind",
    [
        "numbers_as_text",
        "huge_name",
        "odd_characters",
        "lone_surrogate",
        "missing_price",
        "absurd_types",
        "absurd_number",
        "no_channels",
        "not_a_record",
    ],
)
def test_one_spoilt_record_is_set_aside(seller: Seller, opened: Opened, kind: str) -> None:
    seller.faults.add(kind, position=3)
    page = opened.session(seller).page(1)
    if kind == "numbers_as_text":
        assert len(page.rejected) == 25
    else:
        assert [bad.position for bad in page.rejected] == [3]
        assert len(page.items) == 24


def test_words_that_nobody_documented_are_taken(seller: Seller, opened: Opened) -> None:
    seller.faults.add("unknown_enum")
    assert len(opened.session(seller).page(1).items) == 25


def test_two_sellers_share_a_client_and_nothing_else(simulator: Simulator, seller: Seller, opened: Opened) -> None:
    other = simulator.add_seller("새봄상회", 3)
    sessions = [opened.session(one) for one in (seller, other)]
    assert [session.page(1).total_elements for session in sessions] == [25, 3]
    assert len(opened.http.cookies) == 0
