"""
An answer that is not the one asked for, as one of our errors.

Source: Naver's pages on trouble-shooting and restrictions. Decided by status, `code` and the names in
`invalidInputs`, never by message texts, of which nothing is passed on. What is not documented, such as
a body that is not JSON, is decided by the status alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from services.errors import (
    AccessDenied,
    AnswerUnreadable,
    CallIpNotAllowed,
    ClockSkewed,
    CredentialsRefused,
    GConnectError,
    NaverBusy,
    NaverMaintenance,
    NaverTimeout,
    NaverUnavailable,
    QuotaExhausted,
    RequestRefused,
    StoreUnavailable,
)
from services.naver.messages import Answer, Endpoint

STORE_CODES = frozenset(
    {
        "CHANNEL_NOT_FOUND",
        "INTERLOCK_NOT_FOUND",
        "INVALID_CHANNEL_STATUS",
        "INVALID_INTERLOCK_STATUS",
        "INVALID_MEMBER_STATUS",
        "INVALID_REPRESENT_STATUS",
        "INVALID_STORE_STATUS",
        "MEMBER_NOT_FOUND",
        "PROVISION_NOT_FOUND",
        "REPRESENT_NOT_FOUND",
        "RESOURCE_NOT_AVAILABLE",
        "ROLE_NOT_FOUND",
        "STORE_NOT_FOUND",
    }
)
"""The store, channel, member or role is suspended or gone (403 and 404)."""

BUSY_FOR = timedelta(seconds=1)
"""The shortest pause after a 429: the rate is counted in whole seconds."""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""Naver documents no Retry-After; one that does come is honoured up to here."""

_CODE = re.compile(r"[A-Z0-9_.]{1,64}", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]]{1,64}", re.ASCII)
_PERIOD = re.compile(r"[A-Z_]{1,32}", re.ASCII)
_TRACE_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Failure:
    """What an answer says for certain, whatever its shape."""

    status: int
    code: str | None
    fields: tuple[str, ...]
    trace_id: str | None
    retry_after: timedelta | None


def error_of(answer: Answer, endpoint: Endpoint) -> GConnectError:
    """Return what an answer with another status than 200 means; it is returned, not raised."""
    failure = _read(answer)
    status = failure.status
    if status >= 500:
        return _server_error(failure)
    if status == 429:
        return _too_many(failure, answer)
    if status == 408:
        return NaverTimeout(status=status, trace_id=failure.trace_id)
    if status < 300:
        return AnswerUnreadable(detail="status", status=status, trace_id=failure.trace_id)
    if failure.code == "GW.IP_NOT_ALLOWED":
        return CallIpNotAllowed(trace_id=failure.trace_id)
    if status in (403, 404) and failure.code in STORE_CODES:
        return StoreUnavailable(reason=failure.code, trace_id=failure.trace_id)
    if endpoint == "token" and status in (400, 401, 403):
        return _token_refused(failure)
    if status in (401, 403):
        return AccessDenied(status=status, naver_code=failure.code, trace_id=failure.trace_id)
    return _request_refused(failure)


def wants_new_token(answer: Answer) -> bool:
    """Tell whether the gateway refused the token: GW.AUTHN, as 401 or, for a missing API group, 403."""
    return answer.status in (401, 403) and _code(_json_object(answer.body)) == "GW.AUTHN"


def trace_id_of(answer: Answer) -> str | None:
    """Return Naver's id of the request, from the header or else from the body of a gateway error."""
    return _trace_id(answer, _json_object(answer.body) if answer.status != 200 else {})


def _read(answer: Answer) -> _Failure:
    body = _json_object(answer.body)
    inputs = body.get("invalidInputs")
    names = [entry.get("name") for entry in (inputs if isinstance(inputs, list) else []) if isinstance(entry, dict)]
    seconds = answer.headers.get("retry-after", "")
    return _Failure(
        status=answer.status,
        code=_code(body),
        fields=tuple(name for name in names if isinstance(name, str) and _FIELD.fullmatch(name)),
        trace_id=_trace_id(answer, body),
        retry_after=timedelta(seconds=int(seconds)) if _DIGITS.fullmatch(seconds) else None,
    )


def _server_error(failure: _Failure) -> GConnectError:
    code = failure.code or ""
    if code == "GW.BLOCK.02":
        return NaverMaintenance(status=failure.status, trace_id=failure.trace_id)
    if failure.status == 504 or code.startswith("GW.TIMEOUT."):
        return NaverTimeout(status=failure.status, naver_code=failure.code, trace_id=failure.trace_id)
    after = min(failure.retry_after, LONGEST_RETRY_AFTER) if failure.retry_after else None
    return NaverUnavailable(status=failure.status, naver_code=failure.code, after=after, trace_id=failure.trace_id)


def _too_many(failure: _Failure, answer: Answer) -> GConnectError:
    period = answer.headers.get("gncp-gw-quota-period", "").strip()
    if failure.code == "GW.QUOTA_LIMIT" and period != "SECONDS":
        limit = answer.headers.get("gncp-gw-quota-limit", "").strip()
        return QuotaExhausted(
            period=period if _PERIOD.fullmatch(period) else None,
            limit=int(limit) if _DIGITS.fullmatch(limit) else None,
            trace_id=failure.trace_id,
        )
    after = max(BUSY_FOR, min(failure.retry_after or BUSY_FOR, LONGEST_RETRY_AFTER))
    return NaverBusy(status=429, naver_code=failure.code, after=after, trace_id=failure.trace_id)


def _token_refused(failure: _Failure) -> GConnectError:
    # The clock comes first: nothing else can be judged until it is right.
    if "timestamp" in failure.fields:
        return ClockSkewed(trace_id=failure.trace_id)
    for field in ("client_id", "client_secret_sign"):
        if field in failure.fields:
            return CredentialsRefused(field=field, trace_id=failure.trace_id)
    if failure.status == 401:
        return CredentialsRefused(trace_id=failure.trace_id)
    if failure.status == 403:
        return AccessDenied(status=403, naver_code=failure.code, trace_id=failure.trace_id)
    return _request_refused(failure)


def _request_refused(failure: _Failure) -> GConnectError:
    return RequestRefused(
        status=failure.status,
        naver_code=failure.code,
        field=failure.fields[0] if failure.fields else None,
        trace_id=failure.trace_id,
    )


def _json_object(body: bytes) -> dict[str, Any]:
    """Return the body as an object; an empty one for anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _code(body: dict[str, Any]) -> str | None:
    code = body.get("code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _trace_id(answer: Answer, body: dict[str, Any]) -> str | None:
    for value in (answer.headers.get("gncp-gw-trace-id"), body.get("traceId")):
        if isinstance(value, str) and _TRACE_ID.fullmatch(value):
            return value
    return None
