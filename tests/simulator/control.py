"""
The simulator's own HTTP API under `/_simulator/`, for demos and tests in other processes. JSON both ways.

It is not protected: the simulator listens on loopback, and its secrets open nothing. A mistake in a request
is answered with 400 or 404 and `{"error": "..."}`. The routes stand in ROUTES, at the end.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from tests.simulator.answers import JSON_UTF8, Answer, Request, compact
from tests.simulator.catalogue import Catalogue
from tests.simulator.faults import Fault
from tests.simulator.sellers import NONSTANDARD_TOKEN_MODES, Seller

if TYPE_CHECKING:
    from tests.simulator.simulator import Simulator

CONTROL_PREFIX = "/_simulator/"

Document = dict[str, Any]
T = TypeVar("T")


class BadControlRequest(ValueError):
    """What the other process asked for makes no sense; the sentence goes back to it."""


class Control:
    """Carries out control requests on one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def answer(self, request: Request) -> Answer:
        try:
            return Answer(200, self._carry_out(request), JSON_UTF8)
        except KeyError as error:
            return _refused(404, str(error.args[0]))
        except (ValueError, TypeError) as error:
            return _refused(400, str(error))

    def _carry_out(self, request: Request) -> bytes:
        for method, pattern, action in ROUTES:
            matched = re.fullmatch(pattern, request.path.removeprefix(CONTROL_PREFIX))
            if method == request.method and matched:
                names = [unquote(name) for name in matched.groups()]
                result = action(self._simulator, _document(request), *names)
                return result if isinstance(result, bytes) else compact(result)
        raise KeyError(f"the simulator has no {request.method} {request.path}")


def add_from_json(simulator: Simulator, document: Document) -> Seller:
    """Add the seller that *document* describes with the arguments of add_seller, and `faults`, a list."""
    options = dict(document)
    faults = options.pop("faults", [])
    unknown = set(options) - _SELLER_FIELDS.keys()
    if unknown:
        raise BadControlRequest(f"a seller has no {', '.join(sorted(unknown))}; it has {', '.join(_SELLER_FIELDS)}")
    for name, value in options.items():
        _checked(options, name, _SELLER_FIELDS[name])
        if isinstance(value, int) and value < 0:
            raise BadControlRequest(f"{name} cannot be {value}")
    name = _checked(options, "name", str)
    del options["name"]
    for fault in faults:
        # Refused before the seller exists.
        Fault.from_json(fault)
    seller = simulator.add_seller(name, **options)
    for fault in faults:
        seller.faults.add(**fault)
    return seller


_SELLER_FIELDS: dict[str, type] = {
    "name": str,
    "products": int,
    "client_id": str,
    "secret": str,
    "replenish": int,
    "burst": int,
    "nonstandard_tokens": str,
}


def _refused(status: int, sentence: str) -> Answer:
    return Answer(status, compact({"error": sentence}), JSON_UTF8)


def _document(request: Request) -> Document:
    document = json.loads(request.body) if request.body else dict(request.query)
    if not isinstance(document, dict):
        raise BadControlRequest("the body must be a JSON object")
    return document


def _checked(document: Mapping[str, Any], name: str, wanted: type[T]) -> T:
    value = document.get(name)
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise BadControlRequest(f"{name} must be {wanted.__name__}, not {value!r}")
    return value


def _seller_json(seller: Seller) -> Document:
    return {
        "name": seller.name,
        "client_id": seller.client_id,
        "client_secret": seller.secret,
        "products": len(seller.catalogue.listed("NO")),
        "replenish": seller.limits.replenish,
        "burst": seller.limits.burst,
        "nonstandard_tokens": seller.nonstandard_tokens,
        "faults": [fault.as_json() for fault in seller.faults.current()],
    }


def _list_sellers(simulator: Simulator, document: Document) -> Any:
    return {"url": simulator.url, "sellers": [_seller_json(seller) for seller in simulator.sellers()]}


def _add_seller(simulator: Simulator, document: Document) -> Any:
    return _seller_json(add_from_json(simulator, document))


def _show_seller(simulator: Simulator, document: Document, name: str) -> Any:
    return _seller_json(simulator.seller(name))


def _change_seller(simulator: Simulator, document: Document, name: str) -> Any:
    seller = simulator.seller(name)
    if "secret" in document:
        seller.change_secret(_checked(document, "secret", str))
    if "replenish" in document:
        burst = _checked(document, "burst", int) if "burst" in document else None
        seller.limits.set_rate(_checked(document, "replenish", int), burst)
    if "nonstandard_tokens" in document:
        if document["nonstandard_tokens"] not in NONSTANDARD_TOKEN_MODES:
            raise BadControlRequest(f"nonstandard_tokens is one of {', '.join(NONSTANDARD_TOKEN_MODES)}")
        seller.nonstandard_tokens = document["nonstandard_tokens"]
    if document.get("quota"):
        seller.limits.set_quota(**document["quota"])
    elif "quota" in document:
        seller.limits.lift_quota()
    return _seller_json(seller)


def _remove_seller(simulator: Simulator, document: Document, name: str) -> Any:
    simulator.remove_seller(name)
    return {"removed": name}


def _set_fault(simulator: Simulator, document: Document, name: str) -> Any:
    return simulator.seller(name).faults.add(**document).as_json()


def _set_fault_for_all(simulator: Simulator, document: Document) -> Any:
    return [seller.faults.add(**document).as_json() for seller in simulator.sellers()]


def _list_faults(simulator: Simulator, document: Document, name: str) -> Any:
    return [fault.as_json() for fault in simulator.seller(name).faults.current()]


def _clear_faults(simulator: Simulator, document: Document, name: str) -> Any:
    simulator.seller(name).faults.clear(document.get("kind"))
    return _list_faults(simulator, {}, name)


def _clear_faults_of_all(simulator: Simulator, document: Document) -> Any:
    for seller in simulator.sellers():
        seller.faults.clear(document.get("kind"))
    return []


def _show_catalogue(simulator: Simulator, document: Document, name: str) -> bytes:
    entries = simulator.seller(name).catalogue.listed("NO")
    return b"{" + b",".join(b'"%d":%b' % (entry.product_no, entry.rendered) for entry in entries) + b"}"


def _change_catalogue(simulator: Simulator, document: Document, name: str) -> Any:
    seller = simulator.seller(name)
    change = _CHANGES.get(str(document.get("change")))
    if change is None:
        raise BadControlRequest(f"change is one of {', '.join(_CHANGES)}")
    options = {key: value for key, value in document.items() if key not in ("change", "before_page")}
    inspect.signature(change).bind(seller.catalogue, **options)
    if "before_page" in document:
        seller.before_page(_checked(document, "before_page", int), lambda catalogue: change(catalogue, **options))
        return {"products": len(seller.catalogue.listed("NO")), "result": None}
    result = change(seller.catalogue, **options)
    return {"products": len(seller.catalogue.listed("NO")), "result": result}


def _remove_products(catalogue: Catalogue, product_nos: list[int]) -> None:
    catalogue.remove(*product_nos)


def _update_product(catalogue: Catalogue, product_no: int, fields: Document) -> None:
    catalogue.update(product_no, **fields)


_CHANGES: dict[str, Callable[..., Any]] = {
    "price": Catalogue.change_price,
    "name": Catalogue.rename,
    "stock": Catalogue.set_stock,
    "status": Catalogue.set_status,
    "update": _update_product,
    "remove": _remove_products,
    "add": Catalogue.add,
    "put": Catalogue.put,
    "shrink": Catalogue.shrink,
    "clear": Catalogue.clear,
    "list_deleted": Catalogue.list_deleted,
    "shuffle": Catalogue.shuffle,
    "churn": Catalogue.churn,
}


def _show_requests(simulator: Simulator, document: Document) -> Any:
    after = int(document.get("after", 0))
    seller = document.get("seller")
    records = simulator.requests_of(seller, after) if seller else simulator.requests
    return [record.as_json() for record in records if record.number > after]


def _forget_requests(simulator: Simulator, document: Document) -> Any:
    simulator.forget_requests()
    return []


def _shift_clock(simulator: Simulator, document: Document) -> Any:
    simulator.clock.shift(timedelta(seconds=float(document.get("seconds", 0))))
    return {"now": simulator.clock.now()}


def _reset(simulator: Simulator, document: Document) -> Any:
    simulator.reset()
    return _list_sellers(simulator, {})


ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "sellers", _list_sellers),
    ("POST", "sellers", _add_seller),
    ("GET", "sellers/([^/]+)", _show_seller),
    ("PATCH", "sellers/([^/]+)", _change_seller),
    ("DELETE", "sellers/([^/]+)", _remove_seller),
    ("GET", "sellers/([^/]+)/faults", _list_faults),
    ("POST", "sellers/([^/]+)/faults", _set_fault),
    ("DELETE", "sellers/([^/]+)/faults", _clear_faults),
    ("POST", "faults", _set_fault_for_all),
    ("DELETE", "faults", _clear_faults_of_all),
    ("GET", "sellers/([^/]+)/catalogue", _show_catalogue),
    ("POST", "sellers/([^/]+)/catalogue", _change_catalogue),
    ("GET", "requests", _show_requests),
    ("DELETE", "requests", _forget_requests),
    ("POST", "clock", _shift_clock),
    ("POST", "reset", _reset),
]
"""Method, path below the prefix, action. GET and DELETE take their options from the query."""
