"""
What goes over the wire: requests as read, answers as sent, and the two shapes of Naver's errors.

The shapes are the documented ones: the gateway's `{code,message,timestamp,traceId}` and the API servers'
`{code,message,invalidInputs,timestamp}`, both compact and with Korean text unescaped.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.simulator.clock import written

JSON = "application/json"
JSON_UTF8 = "application/json;charset=UTF-8"
TRACE_HEADER = "gncp-gw-trace-id"

GATEWAY_MESSAGES = {
    "GW.AUTHN": "요청을 보낼 권한이 없습니다.",
    "GW.IP_NOT_ALLOWED": "호출이 허용되지 않은 IP입니다.",
    "GW.NOT_FOUND": "요청하신 리소스를 찾을 수 없습니다.",
    "GW.RATE_LIMIT": "요청이 많아 서비스를 일시적으로 사용할 수 없습니다.",
    "GW.QUOTA_LIMIT": "할당된 시간당 요청량을 초과하였습니다.",
    "GW.PROXY": "작업 중 오류가 발생하였습니다.",
    "GW.INTERNAL_SERVER_ERROR": "작업 중 오류가 발생하였습니다.",
    "GW.BLOCK": "서비스를 일시적으로 사용할 수 없습니다.",
    "GW.TIMEOUT": "요청 대기 시간이 초과되었습니다.",
}
"""The table of the official trouble-shooting page; a numbered code (GW.BLOCK.02) has its family's message."""

_trace_numbers = itertools.count(6_745_262)


@dataclass(frozen=True)
class Request:
    """A request as it came: header names in lower case, the query still apart from the path."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass
class Answer:
    """An answer, and how it is to be delivered when a fault interferes with the connection."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    silent_seconds: float = 0.0
    """Nothing at all is sent for so long."""
    drip_seconds: float = 0.0
    """The body goes out in small pieces, evenly over so long."""
    truncated: bool = False
    """Half of the announced body is sent, then the connection is closed."""
    reset: bool = False
    """No answer: the connection is reset."""


def compact(document: Any) -> bytes:
    """Return *document* as Naver writes JSON: no spaces, UTF-8; what UTF-8 cannot hold stays escaped."""
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode()


def new_trace_id(now: float) -> str:
    """Return an id of the published form, pod^milliseconds^number."""
    return f"cr3-000000-aaaaaa^{int(now * 1000)}^{next(_trace_numbers)}"


def gateway_error(status: int, code: str, now: float, trace_id: str) -> Answer:
    """Answer as the gateway does; the trace id stands in the body as in the header."""
    message = GATEWAY_MESSAGES.get(code) or GATEWAY_MESSAGES[code.rpartition(".")[0]]
    document = {"code": code, "message": message, "timestamp": written(now), "traceId": trace_id}
    return Answer(status, compact(document))


def api_error(
    status: int, code: str, message: str, now: float, invalid: list[tuple[str, str, str]] | None = None
) -> Answer:
    """Answer as an API server does; *invalid* lists the refused inputs as name, type, message."""
    document: dict[str, Any] = {"code": code, "message": message}
    if invalid:
        document["invalidInputs"] = [{"name": name, "type": kind, "message": text} for name, kind, text in invalid]
    document["timestamp"] = written(now)
    return Answer(status, compact(document))


def unsupported_media_type(path: str, now: float) -> Answer:
    """Answer 415. INFERRED: a client reported the status only; the body is Spring's default."""
    document = {
        "timestamp": written(now),
        "status": 415,
        "error": "Unsupported Media Type",
        "path": path,
    }
    return Answer(415, compact(document))
