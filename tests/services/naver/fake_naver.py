"""A Naver that answers from a script, below httpx and without sockets, on a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from services.errors import (
    GConnectError,
)
from services.naver.client import NaverClient, NaverSession
from services.naver.protocol import Credentials
from tests.fakes import FakeClock, RecordingMeter
from tests.services.naver.bodies import GATEWAY_REFUSAL, page_body, product

KEY = Credentials("7dMvteboKNHwyRremLXXXX", SecretStr("$2a$04$abcdefghijklmnopqrstuu"))
BUCKET = {
    "gncp-gw-ratelimit-replenish-rate": "2",
    "gncp-gw-ratelimit-burst-capacity": "4",
    "gncp-gw-ratelimit-remaining": "3",
}
PAGE = page_body(product(1), product(2))
UNAVAILABLE = httpx.Response(503, json={"code": "GW.BLOCK.01"})
MAINTENANCE = httpx.Response(503, json={"code": "GW.BLOCK.02"})
BUSY = httpx.Response(429, json={"code": "GW.RATE_LIMIT"})
REFUSED = httpx.Response(401, content=GATEWAY_REFUSAL)

Reply = httpx.Response | Exception | Callable[[], httpx.Response]


def good(body: bytes = PAGE, **headers: str) -> httpx.Response:
    return httpx.Response(200, content=body, headers=BUCKET | {k.replace("_", "-"): v for k, v in headers.items()})


class FakeNaver:
    """Answers searches from a script, then with the last of it; issues tokens t1, t2, …"""

    def __init__(self, *script: Reply, expires_in: int = 10799) -> None:
        self.script = list(script)
        self.expires_in = expires_in
        self.token_answer: httpx.Response | None = None
        self.calls: list[str] = []
        """`token`, or the page and the token of a search: `1 t1`."""
        self.pauses: list[float] = []
        self.clock = FakeClock(chance=0.0)
        self.meter = RecordingMeter()
        self._last_call_at = self.clock.monotonic()

    def session(self, page_timeout: float = 60.0) -> NaverSession:
        http = httpx.Client(transport=httpx.MockTransport(self._answer))
        client = NaverClient(http, "http://naver.test/", self.clock, self.meter, page_timeout=page_timeout)
        return client.session(KEY)

    @property
    def searches(self) -> list[str]:
        return [call for call in self.calls if call != "token"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == "naver.test"
        if request.url.path == "/external/v1/oauth2/token":
            self.calls.append("token")
            count = self.calls.count("token")
            return self.token_answer or httpx.Response(
                200, json={"access_token": f"t{count}", "expires_in": self.expires_in}
            )
        assert request.url.path == "/external/v1/products/search"
        number = orjson.loads(request.content)["page"]
        self.calls.append(f"{number} {request.headers['authorization'].removeprefix('Bearer ')}")
        self.pauses.append(self.clock.monotonic() - self._last_call_at)
        self._last_call_at = self.clock.monotonic()
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(reply, Exception):
            raise reply
        if callable(reply):
            return reply()
        # A response can be read once only.
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


def failure(naver: FakeNaver, **options: Any) -> GConnectError:
    with pytest.raises(GConnectError) as raised:
        naver.session(**options).page(1)
    return raised.value
