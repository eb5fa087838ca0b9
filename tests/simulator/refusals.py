"""What each fault of the stage "refusal" answers in place of the endpoint."""

from __future__ import annotations

from tests.simulator.answers import Answer, api_error, compact, gateway_error, unsupported_media_type
from tests.simulator.faults import Fault
from tests.simulator.limits import quota_headers

TOKEN_PATH = "/external/v1/oauth2/token"
SEARCH_PATH = "/external/v1/products/search"

_HTML = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>"
    b"</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

_GATEWAY: dict[str, tuple[int, str]] = {
    "authn_401": (401, "GW.AUTHN"),
    "authn_403": (403, "GW.AUTHN"),
    "token_expired": (401, "GW.AUTHN"),
    "ip_not_allowed": (403, "GW.IP_NOT_ALLOWED"),
    "rate_limit": (429, "GW.RATE_LIMIT"),
    "quota": (429, "GW.QUOTA_LIMIT"),
    "proxy": (500, "GW.PROXY.03"),
    "internal": (500, "GW.INTERNAL_SERVER_ERROR"),
    "block": (503, "GW.BLOCK.01"),
    "maintenance": (503, "GW.BLOCK.02"),
    "gateway_timeout": (504, "GW.TIMEOUT.01"),
    "not_found": (404, "GW.NOT_FOUND"),
}


def refusal(fault: Fault, now: float, trace_id: str) -> Answer:
    """Return the error that *fault* answers with."""
    if fault.kind in _GATEWAY:
        status, code = _GATEWAY[fault.kind]
        answer = gateway_error(status, fault.code or code, now, trace_id)
        if fault.kind == "quota":
            answer.headers |= quota_headers(1, fault.period, 0)
        return answer
    return _other_refusal(fault, now)


def invalid_inputs(names: dict[str, str], now: float) -> Answer:
    """
    Answer 400 BAD_REQUEST for the inputs *names*, each with its message.

    INFERRED: no raw 400 of the token endpoint or of products/search is known. Code, names and messages are
    reported; the shape is the documented one, `type` is as another product API and a peer's sample have it.
    """
    inputs = [(name, "NotValid", message) for name, message in names.items()]
    return api_error(400, "BAD_REQUEST", "요청 파라미터가 올바르지 않습니다.", now, inputs)


def invalid_text(name: str) -> str:
    """Return Naver's words for an input that does not fit."""
    return f"{name} 항목이 유효하지 않습니다."


def _other_refusal(fault: Fault, now: float) -> Answer:
    match fault.kind:
        case "bad_request" | "token_bad_request":
            name = fault.field or ("size" if fault.kind == "bad_request" else "client_secret_sign")
            return invalid_inputs({name: invalid_text(name)}, now)
        case "forbidden":
            return api_error(403, fault.code or "FORBIDDEN", "접근 권한이 없습니다.", now)
        case "token_forbidden":
            return api_error(403, fault.code or "INVALID_STORE_STATUS", "접근 권한이 없습니다.", now)
        case "api_internal" | "token_internal":
            return api_error(500, "INTERNAL_SERVER_ERROR", "일시적인 내부 시스템 오류입니다.", now)
        case "plain_internal":
            return Answer(500, compact({"message": "Internal server error"}))
        case "bad_gateway":
            return Answer(502, _HTML, "text/html")
        case "token_unsupported":
            return unsupported_media_type(TOKEN_PATH, now)
        case "too_many_products":
            # INVENTED: that more than 100,000 products may be an error is known, its status and code are not.
            return api_error(400, "BAD_REQUEST", "조회 가능한 상품 수(100,000)를 초과하였습니다.", now)
    raise AssertionError(f"no answer is written for {fault.kind}")
