"""A caller of the simulator written for its own tests, independent of the product's client."""

from __future__ import annotations

import base64
from types import TracebackType
from typing import Any, Self

import bcrypt
import httpx

from tests.simulator import Seller, Simulator

TOKEN = "/external/v1/oauth2/token"
SEARCH = "/external/v1/products/search"


class FrozenTime:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.seconds = 1_795_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def sign(client_id: str, secret: str, timestamp: int | str) -> str:
    hashed = bcrypt.hashpw(f"{client_id}_{timestamp}".encode(), secret.encode())
    return base64.b64encode(hashed).decode()


class Caller:
    """One seller's calls: a keep-alive connection and the last token."""

    def __init__(self, simulator: Simulator, seller: Seller, *, read_timeout: float = 10.0) -> None:
        self.simulator = simulator
        self.seller = seller
        self.token = ""
        self.http = httpx.Client(base_url=simulator.url, timeout=httpx.Timeout(10.0, read=read_timeout), verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def form(self, **changes: str | None) -> dict[str, str]:
        """Return the standard token form, with *changes*; None takes a field away."""
        timestamp = changes.get("timestamp") or str(int(self.simulator.clock.now() * 1000))
        fields = {
            "client_id": self.seller.client_id,
            "timestamp": timestamp,
            "grant_type": "client_credentials",
            "client_secret_sign": sign(self.seller.client_id, self.seller.secret, timestamp),
            "type": "SELF",
        }
        merged = {**fields, **changes}
        return {name: value for name, value in merged.items() if value is not None}

    def ask_token(self, **changes: str | None) -> httpx.Response:
        answer = self.http.post(TOKEN, data=self.form(**changes))
        if answer.status_code == 200:
            self.token = answer.json().get("access_token", "")
        return answer

    def search(self, page: int | None = None, **fields: Any) -> httpx.Response:
        if not self.token:
            self.ask_token()
        query = fields if page is None else {"page": page, **fields}
        return self.http.post(SEARCH, json=query, headers={"authorization": f"Bearer {self.token}"})

    def walk(self, size: int = 50) -> list[dict[str, Any]]:
        """Return all items of all pages, in the order NO."""
        items: list[dict[str, Any]] = []
        page = 1
        while True:
            answer = self.search(page, size=size, orderType="NO").json()
            items += answer["contents"]
            if answer["last"]:
                return items
            page += 1
