"""A hundred thousand generated and mutated answers: a page or one of our errors, no hang, bounded memory."""

from __future__ import annotations

import json
import tracemalloc
from copy import deepcopy
from random import Random
from typing import Any

import orjson

from services.errors import GConnectError
from services.naver.messages import Answer
from services.naver.protocol import error_of, read_page
from tests.services.naver.bodies import EMPTY_SHOP, GATEWAY_REFUSAL, QUOTA_PENALTY, SHOP_OF_TWO, page_body, product

BODIES = 100_000
SEED = 20261122
MEMORY = 64 * 1024 * 1024
"""Bytes: a page of a shop takes two; what grew with the number of bodies would take far more."""

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**63, 2**200, "", "0", "1e999", "\x00", "\ud800", "가" * 300, "x" * 20_000,
    [], {}, [[]], [None] * 50, {"": ""}, {"a": {"b": {"c": []}}}, "2026-13-45T99:99:99", "2026-04-01T16:31:02+09:00",
]  # fmt: skip
SPLICES = [
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"NaN",
    b"-",
    b"1e400",
    b"\xff",
]


def spoil_bytes(rng: Random, body: bytes) -> bytes:
    spoilt = bytearray(body)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(spoilt) + 1)
        splice = rng.choice(SPLICES) if rng.random() < 0.6 else rng.randbytes(rng.randint(1, 6))
        spoilt[at : at + rng.choice((0, 0, 1, 2, 9, 200))] = splice
    return bytes(spoilt)


def spoil_values(rng: Random, body: bytes) -> bytes:
    page = orjson.loads(body)
    for _ in range(rng.randint(1, 4)):
        holder: Any = page
        while True:
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            if not keys:
                break
            key = rng.choice(list(keys))
            if isinstance(holder[key], (dict, list)) and rng.random() < 0.75:
                holder = holder[key]
                continue
            if isinstance(holder, dict) and rng.random() < 0.2:
                del holder[key]
            else:
                holder[key] = deepcopy(rng.choice(ODD))
            break
    try:
        return orjson.dumps(page)
    except (TypeError, orjson.JSONEncodeError):
        # Half a character, or more than 64 bits: as another program would write it.
        return json.dumps(page).encode()


def generated(rng: Random) -> bytes:
    def value(depth: int) -> Any:
        if depth == 0 or rng.random() < 0.5:
            return rng.choice(ODD)
        if rng.random() < 0.5:
            return [value(depth - 1) for _ in range(rng.randint(0, 3))]
        names = ("contents", "page", "totalElements", "originProductNo", "channelProducts", "salePrice", "name", "code")
        return {rng.choice(names): value(depth - 1) for _ in range(rng.randint(0, 4))}

    return json.dumps(value(4)).encode()


def test_a_page_or_one_of_our_errors_comes_out_of_anything() -> None:
    rng = Random(SEED)
    originals = [
        SHOP_OF_TWO,
        EMPTY_SHOP,
        page_body(*(product(number) for number in range(1, 4))),
        GATEWAY_REFUSAL,
        QUOTA_PENALTY,
    ]
    statuses = (200, 200, 200, 200, 301, 400, 401, 403, 404, 429, 500, 502, 503, 504, 999)
    pages = errors = 0
    tracemalloc.start()
    try:
        for number in range(BODIES):
            original = originals[number % len(originals)]
            make = rng.random()
            if make < 0.5:
                body = spoil_bytes(rng, original)
            elif make < 0.9:
                body = spoil_values(rng, original)
            else:
                body = generated(rng)
            answer = Answer(rng.choice(statuses), {"gncp-gw-quota-period": rng.choice(("", "SECONDS", "HOURS"))}, body)
            try:
                if answer.status == 200:
                    page = read_page(answer, 1)
                    pages += 1
                    assert len({item.product_no for item in page.items}) == len(page.items)
                else:
                    raise error_of(answer, rng.choice(("token", "products_search")))
            except GConnectError as error:
                errors += bool(error.code)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pages > BODIES // 100
    assert errors > BODIES // 100
    assert pages + errors == BODIES
    assert peak < MEMORY
