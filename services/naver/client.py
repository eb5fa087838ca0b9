"""
Naver's API over HTTP: send, wait for the pace, try again in place what a moment may heal.

What a request looks like and what an answer means is services/naver/protocol.py's. A fault that outlasts
the few tries here is raised: the retries of the whole sync, minutes apart, are not made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from services.clock import Clock
from services.errors import (
    AccessDenied,
    AnswerUnreadable,
    NaverBusy,
    NaverMaintenance,
    NaverTimeout,
    NaverUnreachable,
    RetryLater,
)
from services.meter import Meter
from services.naver import deadlines, protocol
from services.naver.failures import trace_id_of, wants_new_token
from services.naver.messages import Answer, Credentials, Endpoint, Request, Token
from services.naver.pace import Pace
from services.naver.products import Page

BACKOFF_SECONDS = (0.5, 1.0, 2.0)
"""The pauses before the second, third and fourth try of one page; up to half as long again by chance."""

TOKEN_RESERVE_SECONDS = 60.0
"""A token that lives no longer than this is replaced before it is used."""


def open_http(*, connect_timeout: float, read_timeout: float, connections: int = 100) -> httpx.Client:
    """
    Return the one HTTP client of a process, for all its sellers; made after the fork.

    Time-outs are in seconds: *connect_timeout* for the connection and for a free place among
    *connections*, *read_timeout* for each read or write. The proxies of the environment are used, as
    operators need them to call from a registered address.
    """
    return deadlines.bound(
        httpx.Client(
            timeout=httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            headers={"user-agent": "GConnect", "accept-encoding": "gzip"},
            # No seller's cookie is ever kept, let alone sent for another seller.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
    )


class NaverClient:
    """What the sessions of all sellers share; safe to use from several threads."""

    def __init__(self, http: httpx.Client, base_url: str, clock: Clock, meter: Meter, *, page_timeout: float) -> None:
        """*page_timeout* is in seconds, for one page with all its tries and waits."""
        self.http = http
        self.base_url = base_url.rstrip("/")
        self.clock = clock
        self.meter = meter
        self.page_timeout = page_timeout

    def session(self, credentials: Credentials) -> NaverSession:
        """Return a conversation for one seller; nothing is sent yet."""
        return NaverSession(self, credentials)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


@dataclass(slots=True)
class _Errand:
    """What one call of a session may still use up."""

    deadline: float
    """Seconds of the monotonic clock."""

    may_renew: bool = True
    """Whether the token was not yet replaced for this errand's sake."""


@dataclass(frozen=True, slots=True)
class _Body:
    chunks: list[bytes]
    trouble: str | None = None
    """Why it was not read to its end."""


class NaverSession:
    """
    One seller's conversation with Naver: holds the token and the pace. For one thread.

    Every call raises one of services/errors.py and nothing else for what Naver or the network does.
    """

    def __init__(self, client: NaverClient, credentials: Credentials) -> None:
        self._client = client
        self._clock = client.clock
        self._credentials = credentials
        self._token: Token | None = None
        self._pace = Pace()

    def check(self) -> int:
        """Find out whether the seller's key works: get a token, ask for one product; return their number."""
        return self.page(1, size=1).total_elements

    def page(self, number: int, known: bytes | None = None, size: int = protocol.PAGE_SIZE) -> Page:
        """
        Return page *number*, from 1; unchanged and not read where its body hashes to *known*.

        Short faults are tried again in place while the page's time lasts; the last one is raised.
        """

        def ask(errand: _Errand) -> Page:
            answer = self._search(errand, lambda token: protocol.search_request(token, number, size))
            return protocol.read_page(answer, number, known)

        return self._persist(ask)

    def find(self, product_nos: Sequence[int]) -> Page:
        """Return those of at most 500 products, by number, that Naver still knows; deleted ones may be among them."""

        def ask(errand: _Errand) -> Page:
            answer = self._search(errand, lambda token: protocol.find_request(token, product_nos))
            return protocol.read_page(answer, 1)

        return self._persist(ask)

    def settle(self) -> None:
        """
        Wait until a request may go, at most some seconds.

        For a sync that gives its turn back: whoever goes on with it does not know the pace.
        """
        self._sleep_for_pace(self._pace.wait(self._clock.monotonic()))

    def _persist(self, call: Callable[[_Errand], Page]) -> Page:
        """Make the call, and again after each of the pauses for as long as it raises what may pass by itself."""
        errand = _Errand(deadline=self._clock.monotonic() + self._client.page_timeout)
        for pause in BACKOFF_SECONDS:
            try:
                return call(errand)
            except NaverMaintenance:
                raise
            except RetryLater as error:
                wait = pause * (1 + self._clock.random() / 2)
                if error.after is not None:
                    wait = max(wait, error.after.total_seconds())
                if self._clock.monotonic() + wait >= errand.deadline:
                    raise
            self._clock.sleep(wait)
        return call(errand)

    def _search(self, errand: _Errand, build: Callable[[Token], Request]) -> Answer:
        answer = self._ask(errand, build)
        if wants_new_token(answer):
            # A new token may be the same one again (Naver re-issues it while it lives), so once only.
            self._token = None
            if errand.may_renew:
                errand.may_renew = False
                answer = self._ask(errand, build)
            if wants_new_token(answer):
                raise AccessDenied(status=answer.status, naver_code="GW.AUTHN", trace_id=trace_id_of(answer))
        return answer

    def _ask(self, errand: _Errand, build: Callable[[Token], Request]) -> Answer:
        token = self._fresh_token(errand)
        self._wait_for_pace(errand)
        headers = {}
        try:
            answer = self._send(errand, build(token), "products_search")
            headers = dict(answer.headers)
        finally:
            # A request without an answer has been counted too, as far as anybody knows.
            self._pace = self._pace.after(headers, self._clock.monotonic())
        return answer

    def _fresh_token(self, errand: _Errand) -> Token:
        now = self._clock.now()
        if self._token is None or (self._token.expires_at - now).total_seconds() <= TOKEN_RESERVE_SECONDS:
            answer = self._send(errand, protocol.token_request(self._credentials, now), "token")
            self._token = protocol.read_token(answer, now)
        return self._token

    def _wait_for_pace(self, errand: _Errand) -> None:
        now = self._clock.monotonic()
        wait = self._pace.wait(now)
        if wait > 0 and now + wait >= errand.deadline:
            raise NaverBusy(after=timedelta(seconds=wait))
        self._sleep_for_pace(wait)

    def _sleep_for_pace(self, wait: float) -> None:
        if wait > 0:
            self._clock.sleep(wait)
            self._client.meter.rate_limit_wait(wait)

    def _send(self, errand: _Errand, request: Request, endpoint: Endpoint) -> Answer:
        """Send once; raise RetryLater where no complete answer comes in time. Every outcome is counted."""
        count = self._client.meter.naver_request
        try:
            with deadlines.until(lambda: errand.deadline - self._clock.monotonic()):
                return self._exchange(errand, request, endpoint)
        except httpx.TimeoutException as error:
            count(endpoint, "timeout")
            raise NaverTimeout(kind=type(error).__name__) from error
        except httpx.TransportError as error:
            count(endpoint, "unreachable")
            raise NaverUnreachable(kind=type(error).__name__) from error

    def _exchange(self, errand: _Errand, request: Request, endpoint: Endpoint) -> Answer:
        with self._client.http.stream(
            request.method,
            self._client.base_url + request.path,
            headers=dict(request.headers),
            content=request.content,
        ) as response:
            body = self._read_body(errand, response)
            self._client.meter.naver_request(endpoint, _label(response.status_code))
        answer = Answer(response.status_code, dict(response.headers), b"".join(body.chunks))
        # Of a refusal, the status says enough without its body.
        if body.trouble is not None and answer.status == 200:
            raise AnswerUnreadable(detail=body.trouble, status=answer.status, trace_id=trace_id_of(answer))
        return answer

    def _read_body(self, errand: _Errand, response: httpx.Response) -> _Body:
        chunks: list[bytes] = []
        size = 0
        try:
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > protocol.MAX_BODY:
                    return _Body([], "too_large")
                if self._clock.monotonic() >= errand.deadline:
                    raise httpx.ReadTimeout("the page has used up its time")
                chunks.append(chunk)
        except httpx.DecodingError:
            return _Body([], "encoding")
        return _Body(chunks)


def _label(status: int) -> str:
    """Return the status as a metric's label; what is no HTTP status must not make labels without end."""
    return str(status) if 100 <= status <= 599 else "other"
