"""
Faults that are switched on for a seller: which there are, when one strikes, how often.

This file only decides that a fault strikes. What it then does stands in refusals.py (an error in place of
the answer), damage.py (a spoilt answer) and server.py (a spoilt connection).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from random import Random
from threading import Lock
from typing import Any, Literal

Stage = Literal["refusal", "selection", "record", "body", "delivery"]
Endpoint = Literal["token", "search", "any"]


@dataclass(frozen=True)
class Kind:
    """What a kind of fault touches, and on which endpoint unless the fault says otherwise."""

    stage: Stage
    endpoint: Endpoint
    meaning: str


# A parameter after which a value stands (`period`: HOURS) may be given and is that by default.
KINDS: dict[str, Kind] = {
    # In place of the answer.
    "authn_401": Kind("refusal", "search", "401 GW.AUTHN; the same token comes again: bad for ever without `times`"),
    "authn_403": Kind("refusal", "search", "403 GW.AUTHN, as for an API group that is not ticked"),
    "token_expired": Kind("refusal", "search", "401 GW.AUTHN, and the next token request gets a new token"),
    "ip_not_allowed": Kind("refusal", "any", "403 GW.IP_NOT_ALLOWED, on the token endpoint too"),
    "forbidden": Kind("refusal", "search", "403 FORBIDDEN of the API server"),
    "rate_limit": Kind("refusal", "search", "429 GW.RATE_LIMIT whatever the bucket holds"),
    "quota": Kind("refusal", "search", "429 GW.QUOTA_LIMIT; `period`: HOURS"),
    "proxy": Kind("refusal", "search", "500; `code`: GW.PROXY.03"),
    "internal": Kind("refusal", "search", "500 GW.INTERNAL_SERVER_ERROR"),
    "api_internal": Kind("refusal", "search", "500 INTERNAL_SERVER_ERROR of the API server"),
    "plain_internal": Kind("refusal", "search", "500 with nothing but a message (met by a peer)"),
    "block": Kind("refusal", "search", "503 GW.BLOCK.01, circuit open"),
    "maintenance": Kind("refusal", "any", "503 GW.BLOCK.02 everywhere, or at one `endpoint`"),
    "gateway_timeout": Kind("refusal", "search", "504; `code`: GW.TIMEOUT.01"),
    "bad_gateway": Kind("refusal", "search", "502 with a page of HTML"),
    "not_found": Kind("refusal", "search", "404 GW.NOT_FOUND"),
    "bad_request": Kind("refusal", "search", "400 BAD_REQUEST; `field`: size"),
    "too_many_products": Kind("refusal", "search", "400 for more than 100,000 products: INVENTED"),
    "token_bad_request": Kind("refusal", "token", "400 BAD_REQUEST; `field`: client_secret_sign"),
    "token_forbidden": Kind("refusal", "token", "403; `code`: INVALID_STORE_STATUS"),
    "token_unsupported": Kind("refusal", "token", "415"),
    "token_internal": Kind("refusal", "token", "500 INTERNAL_SERVER_ERROR"),
    # Which products a page shows.
    "duplicated_page": Kind("selection", "search", "the page's products are those of the page before"),
    "moving_product": Kind("selection", "search", "the last product has moved to the front of the shop"),
    "changing_total": Kind("selection", "search", "totalElements is off by `amount`, more with each answer"),
    "empty_shop": Kind("selection", "search", "no products and a total of 0"),
    "half_shop": Kind("selection", "search", "only the first half of the products, and half the total"),
    # One record, the one at `position` of the page, or all.
    "numbers_as_text": Kind("record", "search", "every number of every product is text"),
    "huge_name": Kind("record", "search", "a name of 1 MB"),
    "unknown_enum": Kind("record", "search", "a statusType and a channelServiceType that nobody documented"),
    "odd_characters": Kind("record", "search", "a name with control, astral and bidirectional characters"),
    "lone_surrogate": Kind("record", "search", "half a character: valid JSON, no valid text"),
    "missing_price": Kind("record", "search", "no salePrice"),
    "absurd_types": Kind("record", "search", "price, name and stock have types that make no sense"),
    "absurd_number": Kind("record", "search", "originProductNo is text that is no number"),
    "no_channels": Kind("record", "search", "channelProducts is empty"),
    "not_a_record": Kind("record", "search", "the item is a number"),
    # The envelope and the bytes.
    "missing_key": Kind("body", "search", "the envelope lacks `field`: totalElements"),
    "total_as_text": Kind("body", "search", "totalElements is text"),
    "null_contents": Kind("body", "search", "contents is null"),
    "not_an_object": Kind("body", "search", "the body is a JSON list"),
    "invalid_json": Kind("body", "search", "the body ends in the middle, its length agrees"),
    "deep_nesting": Kind("body", "search", "100,000 opening brackets"),
    "empty_body": Kind("body", "search", "200 with nothing in it"),
    "token_without_value": Kind("body", "token", "200 without access_token"),
    # The connection.
    "silence": Kind("delivery", "search", "nothing is sent for `seconds`, then the answer"),
    "drip": Kind("delivery", "search", "the body comes in small pieces over `seconds`"),
    "truncated": Kind("delivery", "search", "the connection ends after half of the announced body"),
    "reset": Kind("delivery", "search", "the connection is reset before any answer"),
}  # fmt: skip
"""
duplicated_page, moving_product and the totals are about a walk: give them a page, or a request to start at,
else every page shows the same other shop.
"""


@dataclass
class Fault:
    """One fault of one seller: its kind, when it strikes, and the parameters of its kind."""

    kind: str
    endpoint: Endpoint | None = None
    """Null: the kind's own."""
    page: int | None = None
    """Only when this page of products/search is asked for; null: any."""
    request: int | None = None
    """Only from the so-many-th request on that fits endpoint and page, counted since the fault was set."""
    times: int | None = None
    """How often it strikes; null: for ever."""
    probability: float = 1.0
    seed: int = 0
    seconds: float = 60.0
    """How long silence and drip last."""
    position: int = 0
    """Which record of the page is spoilt; -1 is the last."""
    amount: int = 1
    field: str | None = None
    code: str | None = None
    period: str = "HOURS"
    fired: int = dataclasses.field(default=0, init=False)
    """How often it has struck."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; there are {', '.join(KINDS)}")
        if self.endpoint not in (None, "token", "search", "any"):
            raise ValueError(f"fault endpoint {self.endpoint!r} is none of token, search, any")
        self._rng = Random(self.seed)
        self._met = 0

    @classmethod
    def from_json(cls, options: Mapping[str, Any]) -> Fault:
        """Build one from a control request; raises ValueError with the name of what does not fit."""
        known = {entry.name: entry for entry in fields(cls) if entry.init}
        for name, value in options.items():
            if name not in known:
                raise ValueError(f"a fault has no {name!r}; it has {', '.join(known)}")
            nothing = value is None and known[name].default is None
            if not nothing and not _is_of_type(value, _TYPES.get(name, str)):
                raise ValueError(f"{name} of a fault cannot be {value!r}")
        if "kind" not in options:
            raise ValueError("a fault needs a kind")
        return cls(**options)

    @property
    def stage(self) -> Stage:
        return KINDS[self.kind].stage

    def strikes(self, endpoint: str, page: int | None) -> bool:
        """Decide, and count, whether it strikes the request of *page* at *endpoint*."""
        where = self.endpoint or KINDS[self.kind].endpoint
        if where not in ("any", endpoint) or (self.page is not None and page != self.page):
            return False
        self._met += 1
        if self.times is not None and self.fired >= self.times:
            return False
        if self.request is not None and self._met < self.request:
            return False
        if self.probability < 1.0 and self._rng.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("page", "request", "times", "seed", "position", "amount"), int),
    **dict.fromkeys(("probability", "seconds"), (int, float)),
}


def _is_of_type(value: Any, wanted: type | tuple[type, ...]) -> bool:
    return isinstance(value, wanted) and not isinstance(value, bool)


class Faults:
    """The faults that are switched on for one seller, in the order in which they were set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(self, kind: str, **options: Any) -> Fault:
        """Switch a fault on; *options* are the fields of Fault. Its `fired` may be read while it is on."""
        fault = Fault.from_json({"kind": kind, **options})
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self, kind: str | None = None) -> None:
        """Switch off all faults, or those of *kind*."""
        with self._lock:
            self._faults = [fault for fault in self._faults if kind is not None and fault.kind != kind]

    def current(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def striking(self, endpoint: str, page: int | None) -> list[Fault]:
        """Return the faults that strike this request: the first refusal alone, else all that spoil the answer."""
        with self._lock:
            for fault in self._faults:
                if fault.stage == "refusal" and fault.strikes(endpoint, page):
                    return [fault]
            return [f for f in self._faults if f.stage != "refusal" and f.strikes(endpoint, page)]
