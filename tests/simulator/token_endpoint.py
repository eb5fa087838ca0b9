"""POST /external/v1/oauth2/token: check the form as documented, and issue the seller's token."""

from __future__ import annotations

from urllib.parse import parse_qsl

from tests.simulator.answers import Answer, Request, compact, unsupported_media_type
from tests.simulator.refusals import TOKEN_PATH, invalid_inputs, invalid_text
from tests.simulator.sellers import Seller

FORM = "application/x-www-form-urlencoded"
TIMESTAMP_MILLISECONDS = 5 * 60 * 1000

TIMESTAMP_IN_FUTURE = "timestamp 항목은 현재 이전이어야 합니다."
TIMESTAMP_EXPIRED = "timestamp항목의 유효 시간이 만료되었습니다."


def form_of(request: Request) -> dict[str, str]:
    """Return the parameters of the body, whatever its announced type."""
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def client_id_of(request: Request) -> str | None:
    """Return whose request it is, also where the id stands in the wrong place."""
    return (request.query | form_of(request)).get("client_id")


def answer_token(request: Request, seller: Seller | None, now: float) -> Answer:
    """Answer a token request; *seller* is whose client_id it has, null where nobody has it."""
    standard = _is_standard(request)
    if seller is not None and seller.nonstandard_tokens == "penalise" and not standard:
        # The platform accepts such a request and cuts the application to one call an hour. Really on the
        # next day, which nobody wants to wait for here.
        fields = {"grant_type": "client_credentials"} | request.query | form_of(request)
        fields.pop("account_id", None)
        answer = _checked(fields, seller, now)
        if answer.status == 200:
            seller.limits.set_quota(1, "HOURS")
        return answer
    if request.media_type != FORM:
        return unsupported_media_type(TOKEN_PATH, now)
    return _checked(form_of(request), seller, now)


def _is_standard(request: Request) -> bool:
    form = form_of(request)
    return (
        request.media_type == FORM
        and not request.query
        and form.get("grant_type") == "client_credentials"
        and not (form.get("type") == "SELF" and "account_id" in form)
    )


def _checked(fields: dict[str, str], seller: Seller | None, now: float) -> Answer:
    invalid = _invalid(fields, seller, now)
    if seller is None or invalid:
        return invalid_inputs(invalid, now)
    token = seller.application.issue_token(now)
    document = {
        "access_token": token.value,
        "expires_in": token.seconds_left(now),
        "token_type": "Bearer",
    }
    return Answer(200, compact(document))


def _invalid(fields: dict[str, str], seller: Seller | None, now: float) -> dict[str, str]:
    """Return the names that are refused, each with Naver's message."""
    names = []
    if seller is None:
        names.append("client_id")
    if fields.get("grant_type") != "client_credentials":
        names.append("grant_type")
    # An own-store application knows SELF only; SELLER belongs to agencies.
    if fields.get("type") != "SELF":
        names.append("type")
    if "account_id" in fields:
        names.append("account_id")
    if not fields.get("client_secret_sign"):
        names.append("client_secret_sign")
    invalid = {name: invalid_text(name) for name in names}
    timestamp = fields.get("timestamp", "")
    if problem := _timestamp_problem(timestamp, now):
        invalid["timestamp"] = problem
    if not invalid and seller is not None:
        signature = fields["client_secret_sign"]
        if not (signature.isascii() and seller.application.signed(signature, timestamp)):
            invalid["client_secret_sign"] = invalid_text("client_secret_sign")
    return invalid


def _timestamp_problem(timestamp: str, now: float) -> str | None:
    if len(timestamp) != 13 or not (timestamp.isascii() and timestamp.isdigit()):
        return TIMESTAMP_EXPIRED
    age = int(now * 1000) - int(timestamp)
    if age < 0:
        return TIMESTAMP_IN_FUTURE
    return TIMESTAMP_EXPIRED if age > TIMESTAMP_MILLISECONDS else None
