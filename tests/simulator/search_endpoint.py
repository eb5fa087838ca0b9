"""POST /external/v1/products/search: choose, order and page a seller's products as documented."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.simulator.answers import JSON, JSON_UTF8, Answer, Request, compact, unsupported_media_type
from tests.simulator.catalogue import Catalogue, Entry
from tests.simulator.damage import Selection, choose
from tests.simulator.faults import Fault
from tests.simulator.products import STATUSES
from tests.simulator.refusals import SEARCH_PATH, invalid_inputs, invalid_text

DEFAULT_SIZE = 50
MAXIMUM_SIZE = 500

SORT_FIELDS = {"NO": ["productNo"], "REG_DATE": ["regDate", "productNo"], "MOD_DATE": ["modDate", "productNo"]}
"""As `sort.fields` names them; read from real answers for NO and for the default, INFERRED for MOD_DATE."""

PERIOD_FIELDS = {
    "PROD_REG_DAY": "regDate",
    "PROD_MOD_DAY": "modifiedDate",
    "SALE_START_DAY": "saleStartDate",
    "SALE_END_DAY": "saleEndDate",
}

KEYWORD_FIELDS = {
    "PRODUCT_NO": ("originProductNos", "originProductNo"),
    "CHANNEL_PRODUCT_NO": ("channelProductNos", "channelProductNo"),
    "GROUP_PRODUCT_NO": ("groupProductNos", "groupProductNo"),
}

Condition = Callable[[dict[str, Any]], bool]


@dataclass
class Query:
    """A search as asked for; *conditions* hold for at least one channel product of each item."""

    page: int = 1
    size: int = DEFAULT_SIZE
    order: str = "REG_DATE"
    conditions: list[Condition] = field(default_factory=list)


def page_of(request: Request) -> tuple[int | None, int | None]:
    """Return the page and the size that *request* asks for, null where its body does not say readably."""
    query = _read(request.body)
    return (query.page, query.size) if isinstance(query, Query) else (None, None)


def answer_search(request: Request, catalogue: Catalogue, faults: Sequence[Fault], now: float) -> Answer:
    """Answer a search in *catalogue*, its choice of products spoilt by *faults*."""
    if request.media_type != JSON:
        return unsupported_media_type(SEARCH_PATH, now)
    query = _read(request.body)
    if not isinstance(query, Query):
        # INFERRED: no raw 400 of this endpoint is known, nor what a size above 500 meets.
        return invalid_inputs({name: invalid_text(name) for name in query}, now)
    entries = _matching(catalogue, query)
    selection = choose(Selection(entries, query.page, len(entries)), faults)
    return Answer(200, _render(selection, query), JSON_UTF8)


def _render(selection: Selection, query: Query) -> bytes:
    start = (selection.page - 1) * query.size
    shown = selection.entries[start : start + query.size]
    pages = -(-selection.total // query.size)
    envelope = {
        "page": query.page,
        "size": query.size,
        "totalElements": selection.total,
        "totalPages": pages,
        "sort": {
            "sorted": True,
            "fields": [{"name": name, "direction": "DESC"} for name in SORT_FIELDS[query.order]],
        },
        "first": query.page == 1,
        # INFERRED for a page past the end: 200, empty, and last.
        "last": query.page >= pages,
    }
    return b'{"contents":[' + b",".join(entry.rendered for entry in shown) + b"]," + compact(envelope)[1:]


def _matching(catalogue: Catalogue, query: Query) -> Sequence[Entry]:
    if not query.conditions:
        return catalogue.listed(query.order)
    return [entry for entry in catalogue.everything(query.order) if _fits(entry, query.conditions)]


def _fits(entry: Entry, conditions: list[Condition]) -> bool:
    channels = entry.item()["channelProducts"]
    return any(all(condition(channel) for condition in conditions) for channel in channels)


def _read(body: bytes) -> Query | list[str]:
    """Return the query, or the names of the fields that are refused. Unknown fields are ignored (INFERRED)."""
    try:
        document = json.loads(body)
    except ValueError:
        return ["body"]
    if not isinstance(document, dict):
        return ["body"]
    given = {name: value for name, value in document.items() if value is not None}
    invalid = [name for name, fits in _CHECKS.items() if name in given and not fits(given[name])]
    if invalid:
        return invalid
    # One report says that page 0 is answered as page 1.
    page = max(1, given.get("page", 1))
    query = Query(page, given.get("size", DEFAULT_SIZE), given.get("orderType", "REG_DATE"))
    query.conditions = _keyword(given) or _filters(given)
    return query


def _keyword(given: dict[str, Any]) -> list[Condition]:
    """Return the search by number or seller code, which ignores all other conditions."""
    kind = given.get("searchKeywordType")
    if kind == "SELLER_CODE":
        wanted = given.get("sellerManagementCode", "")
        # Similar and partial codes match too.
        return [lambda channel: wanted in channel.get("sellerManagementCode", "")]
    if kind in KEYWORD_FIELDS:
        list_name, name = KEYWORD_FIELDS[kind]
        numbers = set(given.get(list_name, []))
        return [lambda channel: channel.get(name) in numbers]
    return []


def _filters(given: dict[str, Any]) -> list[Condition]:
    conditions: list[Condition] = []
    if statuses := set(given.get("productStatusTypes", [])):
        conditions.append(lambda channel: channel.get("statusType") in statuses)
    if period := given.get("periodType"):
        first, last = given.get("fromDate", "0000-00-00"), given.get("toDate", "9999-99-99")
        # Instants are written in Korean time, so that their first ten characters are the Korean day.
        conditions.append(lambda channel: first <= channel.get(PERIOD_FIELDS[period], "")[:10] <= last)
    return conditions


def _is_number(value: Any, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _is_day(value: Any) -> bool:
    try:
        return len(value) == 10 and bool(date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(_is_number(inner, 1, 2**63 - 1) for inner in value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "page": lambda value: _is_number(value, 0, 2**31 - 1),
    "size": lambda value: _is_number(value, 1, MAXIMUM_SIZE),
    # Naver knows eleven more orders, which nobody here needs: asking for one is a mistake in a test.
    "orderType": lambda value: isinstance(value, str) and value in SORT_FIELDS,
    "searchKeywordType": lambda value: value == "SELLER_CODE" or value in KEYWORD_FIELDS,
    "sellerManagementCode": lambda value: isinstance(value, str),
    "originProductNos": _are_numbers,
    "channelProductNos": _are_numbers,
    "groupProductNos": _are_numbers,
    "productStatusTypes": lambda value: isinstance(value, list) and all(one in STATUSES for one in value),
    "periodType": lambda value: isinstance(value, str) and value in PERIOD_FIELDS,
    "fromDate": _is_day,
    "toDate": _is_day,
}
