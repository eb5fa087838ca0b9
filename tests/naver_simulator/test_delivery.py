"""Each fault of the connection, and the server as such: keep-alive, many at once, its end."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.naver_simulator.caller import SEARCH, Caller
from tests.simulator import Seller, Simulator


def test_a_reset_connection_gives_no_answer(seller: Seller, caller: Caller) -> None:
    caller.ask_token()
    seller.faults.add("reset", times=1)
    with pytest.raises(httpx.ReadError):
        caller.search(1)
    assert caller.search(1).status_code == 200
    assert [record.status for record in caller.simulator.requests] == [200, None, 200]


def test_a_truncated_body_ends_before_its_announced_length(seller: Seller, caller: Caller) -> None:
    caller.ask_token()
    seller.faults.add("truncated", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        caller.search(1)
    assert caller.search(1).status_code == 200


def test_silence_outlasts_a_callers_patience_and_ends_with_the_simulator(simulator: Simulator, seller: Seller) -> None:
    seller.faults.add("silence", seconds=3_600.0)
    with Caller(simulator, seller, read_timeout=0.05) as impatient:
        impatient.token = seller.application.issue_token(simulator.clock.now()).value
        with pytest.raises(httpx.ReadTimeout):
            impatient.search(1)


def test_after_a_short_silence_the_answer_comes(seller: Seller, caller: Caller) -> None:
    seller.faults.add("silence", seconds=0.01)
    assert caller.search(1).json()["totalElements"] == 150


def test_silence_can_fall_on_the_token_endpoint(seller: Seller, simulator: Simulator) -> None:
    seller.faults.add("silence", endpoint="token", seconds=3_600.0)
    with Caller(simulator, seller, read_timeout=0.05) as impatient, pytest.raises(httpx.ReadTimeout):
        impatient.ask_token()


def test_a_dripping_body_comes_in_pieces_and_whole(seller: Seller, caller: Caller) -> None:
    whole = caller.search(1).content
    seller.faults.add("drip", seconds=0.2)
    headers = {"authorization": f"Bearer {caller.token}"}
    with caller.http.stream("POST", SEARCH, json={"page": 1}, headers=headers) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) > 1
    assert b"".join(pieces) == whole


def test_one_connection_serves_many_requests(simulator: Simulator, seller: Seller, caller: Caller) -> None:
    caller.ask_token()
    body = b'{"page":1,"size":1}'
    head = (
        f"POST {SEARCH} HTTP/1.1\r\nhost: naver\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {caller.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        answers = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(head.encode() + body)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.decode().strip().split(": ", 1) for line in iter(answers.readline, b"\r\n"))
            assert len(answers.read(int(headers["content-length"]))) == int(headers["content-length"])
        answers.close()


def test_thirty_sellers_walk_their_shops_at_once(simulator: Simulator) -> None:
    sellers = [simulator.add_seller(f"가게 {number}", 200, replenish=1_000) for number in range(30)]

    def walk(seller: Seller) -> bool:
        with Caller(simulator, seller) as calling:
            items = {item["originProductNo"]: item for item in calling.walk(size=100)}
        return items == seller.catalogue.expected()

    with ThreadPoolExecutor(30) as threads:
        assert all(threads.map(walk, sellers))


def test_a_defect_of_the_simulator_is_not_taken_for_a_fault() -> None:
    simulator = Simulator()
    seller = simulator.add_seller("부서진 가게", 1)
    seller.before_page(1, lambda catalogue: catalogue.rename(1, "없는 상품"))
    with pytest.raises(RuntimeError, match="simulator itself"), simulator, Caller(simulator, seller) as calling:
        calling.search(1)
