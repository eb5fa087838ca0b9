"""What the client tries again in place, what it does not, and what it makes of a spoilt exchange. No sockets."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from services.errors import (
    AccessDenied,
    AnswerUnreadable,
    CallIpNotAllowed,
    CredentialsRefused,
    GConnectError,
    NaverBusy,
    NaverMaintenance,
    NaverTimeout,
    NaverUnavailable,
    NaverUnreachable,
    QuotaExhausted,
)
from services.naver.client import NaverClient, open_http
from services.naver.protocol import MAX_BODY
from tests.fakes import FakeClock, RecordingMeter
from tests.services.naver.bodies import QUOTA_PENALTY
from tests.services.naver.fake_naver import (
    BUSY,
    MAINTENANCE,
    PAGE,
    UNAVAILABLE,
    FakeNaver,
    Reply,
    failure,
    good,
)


@pytest.mark.parametrize(
    "fault",
    [
        UNAVAILABLE,
        BUSY,
        httpx.Response(502, text="<html>"),
        httpx.Response(504, json={"code": "GW.TIMEOUT.01"}),
        httpx.Response(200, content=PAGE[:-1]),
        httpx.Response(200, content=b""),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("slow"),
    ],
)
def test_a_short_fault_heals_in_place(fault: Reply) -> None:
    naver = FakeNaver(fault, fault, fault, good())
    assert len(naver.session().page(1).items) == 2
    assert naver.searches == ["1 t1"] * 4


def test_the_pauses_between_tries_grow_and_the_last_fault_is_raised() -> None:
    naver = FakeNaver(UNAVAILABLE)
    error = failure(naver)
    assert isinstance(error, NaverUnavailable)
    assert error.params == {"status": 503, "naver_code": "GW.BLOCK.01"}
    assert naver.pauses == [0, 0.5, 1.0, 2.0]
    assert naver.meter.requests["products_search", "503"] == 4


def test_chance_only_lengthens_a_pause() -> None:
    naver = FakeNaver(UNAVAILABLE)
    naver.clock.chance = 0.5
    failure(naver)
    assert naver.pauses == [0, 0.625, 1.25, 2.5]


def test_a_busy_naver_is_left_alone_for_a_second_at_least() -> None:
    naver = FakeNaver(BUSY)
    assert isinstance(failure(naver), NaverBusy)
    assert naver.pauses == pytest.approx([0, 1.0, 1.0, 2.0])


def test_a_pause_that_naver_asks_for_is_kept() -> None:
    naver = FakeNaver(httpx.Response(429, headers={"retry-after": "20"}), good())
    naver.session().page(1)
    assert naver.pauses == [0, 20.0]


def test_a_pause_that_does_not_fit_the_page_is_left_to_the_caller() -> None:
    naver = FakeNaver(httpx.Response(429, headers={"retry-after": "60"}), good())
    error = failure(naver)
    assert isinstance(error, NaverBusy)
    assert error.after == timedelta(seconds=60)
    assert naver.pauses == [0]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (MAINTENANCE, NaverMaintenance),
        (httpx.Response(429, content=QUOTA_PENALTY, headers={"gncp-gw-quota-period": "HOURS"}), QuotaExhausted),
        (httpx.Response(403, json={"code": "GW.IP_NOT_ALLOWED"}), CallIpNotAllowed),
        (httpx.Response(403, json={"code": "FORBIDDEN"}), AccessDenied),
    ],
)
def test_what_no_moment_heals_is_not_tried_again(reply: httpx.Response, kind: type[GConnectError]) -> None:
    naver = FakeNaver(reply)
    assert type(failure(naver)) is kind
    assert len(naver.searches) == 1


def test_a_refused_key_is_asked_about_once() -> None:
    naver = FakeNaver(good())
    naver.token_answer = httpx.Response(400, json={"code": "BAD_REQUEST", "invalidInputs": [{"name": "client_id"}]})
    error = failure(naver)
    assert isinstance(error, CredentialsRefused)
    assert naver.calls == ["token"]
    assert naver.meter.requests == {("token", "400"): 1}


def test_a_token_endpoint_that_is_ill_is_tried_again_too() -> None:
    naver = FakeNaver(good())
    naver.token_answer = httpx.Response(500)
    assert isinstance(failure(naver), NaverUnavailable)
    assert naver.calls == ["token"] * 4


@pytest.mark.parametrize(
    ("fault", "kind", "name"),
    [
        (httpx.ConnectTimeout("http://x/?secret"), NaverTimeout, "ConnectTimeout"),
        (httpx.PoolTimeout("x"), NaverTimeout, "PoolTimeout"),
        (httpx.ConnectError("http://x/?secret"), NaverUnreachable, "ConnectError"),
        (httpx.ProxyError("http://user:secret@proxy"), NaverUnreachable, "ProxyError"),
        (httpx.UnsupportedProtocol("ftp"), NaverUnreachable, "UnsupportedProtocol"),
    ],
)
def test_what_the_network_does_is_named_by_kind_and_quotes_nothing(
    fault: Exception, kind: type[GConnectError], name: str
) -> None:
    naver = FakeNaver(fault)
    error = failure(naver)
    assert type(error) is kind
    assert error.params == {"kind": name}
    assert error.__cause__ is fault
    label = "timeout" if kind is NaverTimeout else "unreachable"
    assert naver.meter.requests["products_search", label] == 4


def test_an_answer_that_drips_is_cut_off_when_the_page_has_used_up_its_time() -> None:
    naver = FakeNaver(good())

    def drip() -> Iterator[bytes]:
        while True:
            naver.clock.sleep(7)
            yield b" "

    naver.script = [lambda: httpx.Response(200, content=drip())]
    error = failure(naver, page_timeout=60.0)
    assert isinstance(error, NaverTimeout)
    assert len(naver.searches) == 1
    assert naver.meter.requests["products_search", "timeout"] == 1


def test_an_answer_without_end_is_cut_off_at_the_bound() -> None:
    sent = 0

    def flood() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(1024 * 1024)

    error = failure(FakeNaver(lambda: httpx.Response(200, content=flood())))
    assert isinstance(error, AnswerUnreadable)
    assert error.params == {"detail": "too_large", "status": 200}
    assert sent == 4 * (MAX_BODY // 1024**2 + 1)


def test_a_compressed_page_is_read_and_a_spoilt_one_is_unreadable() -> None:
    packed = gzip.compress(PAGE)
    naver = FakeNaver(lambda: httpx.Response(200, content=iter([packed]), headers={"content-encoding": "gzip"}))
    assert len(naver.session().page(1).items) == 2
    naver.script = [lambda: httpx.Response(200, content=iter([PAGE]), headers={"content-encoding": "gzip"})]
    error = failure(naver)
    assert isinstance(error, AnswerUnreadable)
    assert error.params["detail"] == "encoding"


def test_a_refusal_whose_body_cannot_be_read_is_still_a_refusal() -> None:
    naver = FakeNaver(lambda: httpx.Response(403, content=iter([b"no gzip"]), headers={"content-encoding": "gzip"}))
    error = failure(naver)
    assert isinstance(error, AccessDenied)
    assert error.params == {"status": 403}


def test_a_redirect_is_not_followed() -> None:
    naver = FakeNaver(httpx.Response(308, headers={"location": "http://elsewhere.test/"}))
    assert failure(naver).code == "request_refused"
    assert len(naver.searches) == 1


def test_a_status_that_http_does_not_know_makes_no_label_of_its_own() -> None:
    naver = FakeNaver(httpx.Response(777))
    failure(naver)
    assert naver.meter.requests["products_search", "other"] == 4


def test_the_http_client_of_a_process_keeps_tls_on_and_cookies_out() -> None:
    with open_http(connect_timeout=5, read_timeout=20) as http:
        assert not http.follow_redirects
        assert http.timeout == httpx.Timeout(20, connect=5, pool=5)
        reply = httpx.Response(200, headers={"set-cookie": "a=1"}, request=httpx.Request("GET", "https://naver.test/"))
        http.cookies.extract_cookies(reply)
        assert len(http.cookies) == 0


def test_a_client_that_is_closed_closes_its_connections() -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: good()))
    NaverClient(http, "http://naver.test", FakeClock(), RecordingMeter(), page_timeout=60).close()
    assert http.is_closed
