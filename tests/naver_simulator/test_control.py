"""The simulator's own HTTP API, as the demo and the chaos tests use it from other processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.naver_simulator.caller import Caller
from tests.simulator import Simulator


class Remote:
    """Control requests, each answered as wanted or failing the test."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def __call__(self, method: str, path: str, document: Any = None, wanted: int = 200) -> Any:
        answer = self.http.request(method, f"/_simulator/{path}", json=document)
        assert answer.status_code == wanted, answer.text
        return answer.json()


@pytest.fixture
def remote(simulator: Simulator) -> Iterator[Remote]:
    with httpx.Client(base_url=simulator.url, verify=False) as http:
        yield Remote(http)


def test_a_seller_is_added_shown_and_removed(simulator: Simulator, remote: Remote) -> None:
    added = remote("POST", "sellers", {"name": "한빛 상회", "products": 7, "replenish": 50, "burst": 60})
    assert (added["products"], added["replenish"], added["burst"]) == (7, 50, 60)
    assert added["client_secret"] == simulator.seller("한빛 상회").secret
    listed = remote("GET", "sellers")
    assert (listed["url"], listed["sellers"]) == (simulator.url, [added])
    assert remote("GET", "sellers/한빛 상회") == added
    remote("DELETE", "sellers/한빛 상회")
    assert remote("GET", "sellers")["sellers"] == []


def test_a_seller_can_be_given_his_keys_and_faults(simulator: Simulator, remote: Remote) -> None:
    secret = "$2a$04$abcdefghijklmnopqrstuu"
    document = {"name": "가게", "client_id": "aaaabbbbcccc", "secret": secret, "faults": [{"kind": "proxy", "page": 2}]}
    remote("POST", "sellers", document)
    seller = simulator.seller("가게")
    assert (seller.client_id, seller.secret) == ("aaaabbbbcccc", secret)
    with Caller(simulator, seller) as caller:
        assert [caller.search(page).status_code for page in (1, 2)] == [200, 500]


def test_faults_are_set_counted_and_cleared(simulator: Simulator, remote: Remote) -> None:
    remote("POST", "sellers", {"name": "가게", "products": 1})
    fault = remote("POST", "sellers/가게/faults", {"kind": "maintenance", "times": 3})
    assert (fault["kind"], fault["times"], fault["fired"]) == ("maintenance", 3, 0)
    with Caller(simulator, simulator.seller("가게")) as caller:
        assert caller.ask_token().status_code == 503
        assert remote("GET", "sellers/가게/faults")[0]["fired"] == 1
        assert remote("DELETE", "sellers/가게/faults") == []
        assert caller.ask_token().status_code == 200


def test_an_incident_strikes_all_sellers_and_ends(simulator: Simulator, remote: Remote) -> None:
    sellers = [simulator.add_seller(name, 1) for name in ("하나", "둘")]
    assert len(remote("POST", "faults", {"kind": "maintenance"})) == 2
    callers = [Caller(simulator, seller) for seller in sellers]
    assert [caller.ask_token().status_code for caller in callers] == [503, 503]
    remote("DELETE", "faults?kind=maintenance")
    assert [caller.ask_token().status_code for caller in callers] == [200, 200]
    for caller in callers:
        caller.http.close()


def test_the_expected_catalogue_is_read_from_outside(simulator: Simulator, remote: Remote) -> None:
    seller = simulator.add_seller("가게", 20)
    read = remote("GET", "sellers/가게/catalogue")
    assert {int(number): item for number, item in read.items()} == seller.catalogue.expected()


def test_the_catalogue_is_changed_from_outside(simulator: Simulator, remote: Remote) -> None:
    catalogue = simulator.add_seller("가게", 20).catalogue
    first, second = catalogue.numbers()[:2]
    changes: list[dict[str, Any]] = [
        {"change": "price", "product_no": first, "price": 100},
        {"change": "name", "product_no": first, "name": "바뀐 이름"},
        {"change": "stock", "product_no": first, "quantity": 3},
        {"change": "status", "product_no": first, "status": "OUTOFSTOCK"},
        {"change": "update", "product_no": first, "fields": {"gift": "컵"}},
        {"change": "remove", "product_nos": [second]},
        {"change": "add", "count": 4},
        {"change": "put", "item": {"originProductNo": 99, "channelProducts": [{"salePrice": 1}]}},
        {"change": "list_deleted", "listed": True},
        {"change": "shuffle"},
        {"change": "churn", "changes": 5},
    ]
    for change in changes[:-2]:
        remote("POST", "sellers/가게/catalogue", change)
    channel = catalogue.item(first)["channelProducts"][0]
    assert (channel["salePrice"], channel["name"], channel["stockQuantity"]) == (100, "바뀐 이름", 3)
    assert (channel["statusType"], channel["gift"]) == ("OUTOFSTOCK", "컵")
    assert second not in catalogue.numbers()
    assert len(catalogue.numbers()) == 20 - 1 + 4 + 1
    remote("POST", "sellers/가게/catalogue", {"change": "remove", "product_nos": [99]})
    for change in changes[-2:]:
        remote("POST", "sellers/가게/catalogue", change)
    gone = remote("POST", "sellers/가게/catalogue", {"change": "shrink", "keep": 0.5})
    assert len(gone["result"]) > 0
    assert remote("POST", "sellers/가게/catalogue", {"change": "clear"})["products"] == 0


def test_a_change_can_wait_for_a_page(simulator: Simulator, remote: Remote) -> None:
    seller = simulator.add_seller("가게", 20)
    remote("POST", "sellers/가게/catalogue", {"change": "add", "count": 5, "before_page": 2})
    assert len(seller.catalogue.numbers()) == 20
    with Caller(simulator, seller) as caller:
        assert [caller.search(page).json()["totalElements"] for page in (1, 2)] == [20, 25]


def test_a_seller_is_changed_from_outside(simulator: Simulator, remote: Remote) -> None:
    seller = simulator.add_seller("가게", 1)
    secret = "$2a$04$abcdefghijklmnopqrstuu"
    remote("PATCH", "sellers/가게", {"secret": secret, "replenish": 9, "nonstandard_tokens": "penalise"})
    assert (seller.secret, seller.limits.replenish, seller.limits.burst) == (secret, 9, 18)
    assert seller.nonstandard_tokens == "penalise"
    with Caller(simulator, seller) as caller:
        remote("PATCH", "sellers/가게", {"quota": {"limit": 1, "period": "HOURS"}})
        assert [caller.search(1).status_code for _ in range(2)] == [200, 429]
        remote("PATCH", "sellers/가게", {"quota": None})
        assert caller.search(1).status_code == 200


def test_the_request_log_is_read_from_where_one_stopped_and_forgotten(simulator: Simulator, remote: Remote) -> None:
    one, other = simulator.add_seller("하나", 1), simulator.add_seller("둘", 1)
    with Caller(simulator, one) as calling, Caller(simulator, other) as another:
        calling.search(1, size=7)
        another.search(1)
    log = remote("GET", "requests")
    assert [(record["seller"], record["endpoint"]) for record in log] == [
        ("하나", "token"),
        ("하나", "search"),
        ("둘", "token"),
        ("둘", "search"),
    ]
    assert (log[1]["page"], log[1]["size"], log[1]["status"]) == (1, 7, 200)
    assert log[1]["at"].endswith("+00:00")
    assert remote("GET", f"requests?seller=둘&after={log[2]['number']}") == log[3:]
    remote("DELETE", "requests")
    assert remote("GET", "requests") == []


def test_the_clock_can_be_stepped_until_tokens_expire(simulator: Simulator, remote: Remote) -> None:
    with Caller(simulator, simulator.add_seller("가게", 1)) as caller:
        caller.ask_token()
        remote("POST", "clock", {"seconds": 10_801})
        assert caller.search(1).status_code == 401


def test_a_reset_forgets_all(simulator: Simulator, remote: Remote) -> None:
    first = remote("POST", "sellers", {"name": "가게", "products": 1})
    remote("POST", "reset")
    assert simulator.sellers() == []
    assert simulator.requests == []
    assert remote("POST", "sellers", {"name": "가게", "products": 1}) == first


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "culprit"),
    [
        ("POST", "sellers", {"products": 3}, 400, "name"),
        ("POST", "sellers", {"name": "x", "size": 3}, 400, "size"),
        ("POST", "sellers", {"name": "x", "products": "many"}, 400, "products"),
        ("POST", "sellers", {"name": "x", "products": -1}, 400, "products"),
        ("POST", "sellers", {"name": "x", "secret": "plain"}, 400, "salt"),
        ("POST", "sellers", {"name": "x", "faults": [{"kind": "flood"}]}, 400, "flood"),
        ("POST", "sellers", {"name": "x", "nonstandard_tokens": "ignore"}, 400, "nonstandard_tokens"),
        ("POST", "sellers", {"name": "가게"}, 400, "가게"),
        ("POST", "sellers", [1], 400, "object"),
        ("GET", "sellers/nobody", None, 404, "nobody"),
        ("POST", "sellers/가게/faults", {"page": 2}, 400, "kind"),
        ("POST", "sellers/가게/catalogue", {"change": "burn"}, 400, "change"),
        ("POST", "sellers/가게/catalogue", {"change": "price", "before_page": 2}, 400, "product_no"),
        ("POST", "sellers/가게/catalogue", {"change": "remove", "product_nos": [5]}, 404, "product 5"),
        ("POST", "sellers/가게/catalogue", {"change": "put", "item": {}}, 400, "originProductNo"),
        ("PATCH", "sellers/가게", {"quota": {"limit": 1, "period": "MOONS"}}, 400, "MOONS"),
        ("GET", "weather", None, 404, "weather"),
    ],
)
def test_a_mistake_is_answered_with_its_culprit_and_changes_nothing(
    simulator: Simulator, remote: Remote, method: str, path: str, document: Any, status: int, culprit: str
) -> None:
    simulator.add_seller("가게", 3)
    before = remote("GET", "sellers")
    assert culprit in remote(method, path, document, wanted=status)["error"]
    assert remote("GET", "sellers") == before
