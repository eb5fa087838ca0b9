"""
The simulated platform as one function from request to answer: who calls, may they, what strikes them.

The order is the gateway's: authentication, rate limit, quota, then the API behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulator.answers import TRACE_HEADER, Answer, Request, gateway_error, new_trace_id
from tests.simulator.clock import SimulatorClock
from tests.simulator.damage import spoil
from tests.simulator.faults import Fault
from tests.simulator.refusals import SEARCH_PATH, TOKEN_PATH, refusal
from tests.simulator.request_log import RequestLog
from tests.simulator.search_endpoint import answer_search, page_of
from tests.simulator.sellers import Seller
from tests.simulator.token_endpoint import answer_token, client_id_of


class Gateway:
    """Answers for all sellers that *sellers* returns at the moment of the request."""

    def __init__(self, clock: SimulatorClock, sellers: Callable[[], Sequence[Seller]], requests: RequestLog) -> None:
        self._clock = clock
        self._sellers = sellers
        self._requests = requests

    def answer(self, request: Request) -> Answer:
        now = self._clock.now()
        trace_id = new_trace_id(now)
        if (request.method, request.path) == ("POST", TOKEN_PATH):
            answer = self._token(request, now, trace_id)
        elif (request.method, request.path) == ("POST", SEARCH_PATH):
            answer = self._search(request, now, trace_id)
        else:
            answer = gateway_error(404, "GW.NOT_FOUND", now, trace_id)
            self._requests.note(None, request.path, now, status=404)
        answer.headers[TRACE_HEADER] = trace_id
        answer.headers["gncp-gw-httpclient-responsetime"] = str(max(1, round((self._clock.now() - now) * 1000)))
        return answer

    def _token(self, request: Request, now: float, trace_id: str) -> Answer:
        client_id = client_id_of(request)
        seller = next((one for one in self._sellers() if one.client_id == client_id), None)
        faults = seller.faults.striking("token", None) if seller else []
        if faults and faults[0].stage == "refusal":
            answer = refusal(faults[0], now, trace_id)
        else:
            answer = answer_token(request, seller, now)
            _spoil(answer, faults)
        self._note("token", seller, now, answer, faults)
        return answer

    def _search(self, request: Request, now: float, trace_id: str) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token if scheme == "Bearer" else ""
        seller = next((one for one in self._sellers() if one.application.accepts(token, now)), None)
        page, size = page_of(request)
        if seller is None:
            # Nobody's token has nobody's bucket: the one answer of an API without the rate's headers.
            answer = gateway_error(401, "GW.AUTHN", now, trace_id)
            self._requests.note(None, "search", now, page=page, size=size, status=401)
            return answer
        verdict = seller.limits.take("search", now)
        faults: list[Fault] = []
        if verdict.code is not None:
            answer = gateway_error(429, verdict.code, now, trace_id)
        else:
            faults = seller.faults.striking("search", page)
            answer = self._search_answer(request, seller, token, faults, now, trace_id, page)
        answer.headers = verdict.headers | answer.headers
        self._note("search", seller, now, answer, faults, page, size)
        return answer

    @staticmethod
    def _search_answer(
        request: Request,
        seller: Seller,
        token: str,
        faults: list[Fault],
        now: float,
        trace_id: str,
        page: int | None,
    ) -> Answer:
        if faults and faults[0].stage == "refusal":
            if faults[0].kind == "token_expired":
                seller.application.end_token(token)
            return refusal(faults[0], now, trace_id)
        if page is not None:
            seller.page_asked(page)
        answer = answer_search(request, seller.catalogue, faults, now)
        _spoil(answer, faults)
        return answer

    def _note(
        self,
        endpoint: str,
        seller: Seller | None,
        now: float,
        answer: Answer,
        faults: list[Fault],
        page: int | None = None,
        size: int | None = None,
    ) -> None:
        self._requests.note(
            seller.name if seller else None,
            endpoint,
            now,
            page=page,
            size=size,
            status=None if answer.reset else answer.status,
            faults=tuple(fault.kind for fault in faults),
        )


def _spoil(answer: Answer, faults: Sequence[Fault]) -> None:
    if answer.status == 200:
        answer.body = spoil(answer.body, faults)
    for fault in faults:
        if fault.kind == "silence":
            answer.silent_seconds += fault.seconds
        elif fault.kind == "drip":
            answer.drip_seconds += fault.seconds
        elif fault.kind == "truncated":
            answer.truncated = True
        elif fault.kind == "reset":
            answer.reset = True
