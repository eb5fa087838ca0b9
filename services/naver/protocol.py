"""
Naver's Commerce API as requests to send and answers to read: the token, and a page of `products/search`.

No I/O. Source: Naver's pages on authentication and on the product list; where they are silent, the
unknown is tolerated if the meaning is not in doubt, and is a clear error otherwise.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeGuard
from urllib.parse import urlencode

import orjson
from pydantic import SecretStr

from services.errors import AnswerUnreadable
from services.naver.failures import error_of, trace_id_of
from services.naver.messages import Answer, Credentials, Endpoint, Request, Token
from services.naver.products import PARSER_VERSION, Item, Page, Rejected
from services.naver.records import read_record
from services.naver.signature import sign

__all__ = [
    "MAX_BODY",
    "PAGE_SIZE",
    "Answer",
    "Credentials",
    "Endpoint",
    "Item",
    "Page",
    "Rejected",
    "Request",
    "Token",
    "body_hash",
    "error_of",
    "find_request",
    "read_page",
    "read_token",
    "search_request",
    "token_request",
]

PAGE_SIZE = 500
"""The largest page that is documented."""

MAX_BODY = 64 * 1024 * 1024
"""Bytes. A full page of the documented fields comes to about 1 MiB; above this it is no page."""

SKEW_ALLOWANCE = timedelta(seconds=60)
"""
Naver refuses a time stamp from the future, and takes one up to 5 minutes old (its answer to question 357).

Taken off each stamp, it lets a host work whose clock is up to a minute fast, or four minutes slow.
"""

TOKEN_LIFETIME = timedelta(hours=3)
"""As documented; what claims to live longer is not believed."""

UNKNOWN_LIFETIME = timedelta(minutes=5)
"""For a token that does not say how long it lives."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ACCESS_TOKEN = re.compile(r"[!-~]{1,4096}")
_TOTAL_KEY = b'"totalElements"'
_TOTAL = re.compile(rb'"totalElements"\s*:\s*(\d{1,18})\s*[,}]')
_INT64_DIGITS = 20


def token_request(credentials: Credentials, now: datetime) -> Request:
    """
    Build the request for a token of the seller's own application (type SELF).

    Everything stands in the form body and nothing else is sent: one request in another form costs the
    application its quota for a day (notice 3751). Raises CredentialsRefused for a secret that bcrypt cannot use.
    """
    timestamp_ms = (now - SKEW_ALLOWANCE - _EPOCH) // _MILLISECOND
    form = {
        "client_id": credentials.client_id,
        "timestamp": str(timestamp_ms),
        "grant_type": "client_credentials",
        "client_secret_sign": sign(credentials.client_id, credentials.client_secret.get_secret_value(), timestamp_ms),
        "type": "SELF",
    }
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    return Request("POST", "/external/v1/oauth2/token", headers, urlencode(form).encode())


def read_token(answer: Answer, now: datetime) -> Token:
    """Return the token; *now* is when it was asked for. Raises what error_of returns, or AnswerUnreadable."""
    if answer.status != 200:
        raise error_of(answer, "token")
    body = _json(answer)
    value = body.get("access_token")
    if not isinstance(value, str) or not _ACCESS_TOKEN.fullmatch(value):
        raise _unreadable(answer, "access_token")
    return Token(SecretStr(value), now + _lifetime(body.get("expires_in")))


def search_request(token: Token, number: int, size: int = PAGE_SIZE) -> Request:
    """
    Build the request for page *number*, from 1, of all products.

    The order is NO, by product number: products that are added or edited during a walk then move the
    others least.
    """
    return _search(token, {"page": number, "size": size, "orderType": "NO"})


def find_request(token: Token, product_nos: Sequence[int]) -> Request:
    """
    Build the request for these origin products, at most 500, as one page.

    Naver's page on the product list documents the search by number; an answer to a second-hand question says
    that it ignores all other conditions.
    """
    return _search(
        token,
        {
            "searchKeywordType": "PRODUCT_NO",
            "originProductNos": list(product_nos),
            "page": 1,
            "size": PAGE_SIZE,
            "orderType": "NO",
        },
    )


def _search(token: Token, query: dict[str, Any]) -> Request:
    return Request(
        "POST",
        "/external/v1/products/search",
        {
            "authorization": f"Bearer {token.value.get_secret_value()}",
            "content-type": "application/json",
            "accept": "application/json",
        },
        orjson.dumps(query),
    )


def read_page(answer: Answer, number: int, known: bytes | None = None) -> Page:
    """
    Return page *number*; one bad record is set aside and costs the others nothing.

    Where the body hashes to *known*, the page is not read and comes as unchanged. Raises what error_of
    returns, or AnswerUnreadable whose detail names what is wrong with the page as a whole.
    """
    if answer.status != 200:
        raise error_of(answer, "products_search")
    digest = body_hash(answer.body)
    if digest == known and (total := _total_elements(answer.body)) is not None:
        return Page(number, total, (), (), 0, digest, unchanged=True)
    body = _json(answer)
    said = body.get("totalElements")
    if not _is_count(said):
        raise _unreadable(answer, "totalElements")
    # An echo that is left out proves nothing, one that differs means that this is another page.
    echo = body.get("page")
    if echo is not None and (not _is_count(echo) or echo != number):
        raise _unreadable(answer, "page")
    contents = body.get("contents")
    if not isinstance(contents, list):
        raise _unreadable(answer, "contents")
    items: dict[int, Item] = {}
    rejected: list[Rejected] = []
    for position, record in enumerate(contents):
        read = read_record(position, record)
        if isinstance(read, Item):
            items.setdefault(read.product_no, read)
        else:
            rejected.append(read)
    duplicates = len(contents) - len(items) - len(rejected)
    return Page(number, said, tuple(items.values()), tuple(rejected), duplicates, digest)


def body_hash(body: bytes) -> bytes:
    """Return 16 bytes over the parser's version and the body: a page with the same hash reads the same."""
    return blake2b(PARSER_VERSION + body, digest_size=16).digest()


def _total_elements(body: bytes) -> int | None:
    """
    Find totalElements in a page that was read before, without reading it again; None when in doubt.

    A quote inside a JSON string is written with a backslash, so the key with its opening quote stands
    only where it is a key (or ends one with a quote in it); where it stands once, it is the envelope's.
    """
    at = body.find(_TOTAL_KEY)
    if at < 1 or body[at - 1 : at] == b"\\" or body.find(_TOTAL_KEY, at + 1) >= 0:
        return None
    match = _TOTAL.match(body, at)
    return int(match[1]) if match else None


def _json(answer: Answer) -> dict[str, Any]:
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        body = _json_with_bad_records(answer)
    if not isinstance(body, dict):
        raise _unreadable(answer, "not_object")
    return body


def _json_with_bad_records(answer: Answer) -> Any:
    """
    Read what is JSON by the letter but nothing that can be stored, for its other records to be kept.

    orjson refuses a whole page for half a surrogate pair in one string, or one number beyond all bounds.
    Such a number is kept as bytes, which are no JSON, so that services/naver/records.py rejects its record.
    """
    try:
        return json.loads(
            answer.body.decode("utf-8-sig"),
            parse_int=_bounded_int,
            parse_float=_bounded_float,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise _unreadable(answer, "not_json") from error


def _bounded_int(digits: str) -> int | bytes:
    return int(digits) if len(digits) <= _INT64_DIGITS else digits.encode()


def _bounded_float(digits: str) -> float | bytes:
    number = float(digits)
    return number if math.isfinite(number) else digits.encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _lifetime(expires_in: object) -> timedelta:
    if not _is_count(expires_in):
        return UNKNOWN_LIFETIME
    return timedelta(seconds=min(expires_in, int(TOKEN_LIFETIME.total_seconds())))


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**63


def _unreadable(answer: Answer, detail: str) -> AnswerUnreadable:
    return AnswerUnreadable(detail=detail, status=answer.status, trace_id=trace_id_of(answer))
