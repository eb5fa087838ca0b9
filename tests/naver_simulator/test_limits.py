from __future__ import annotations

from tests.naver_simulator.caller import Caller, FrozenTime
from tests.simulator import Simulator
from tests.simulator.limits import Limits


def taken(limits: Limits, now: float, times: int) -> int:
    return sum(limits.take("search", now).code is None for _ in range(times))


def test_a_full_bucket_gives_its_burst_and_no_more() -> None:
    assert taken(Limits(), 1_000.0, 10) == 4


def test_the_bucket_fills_in_whole_seconds_of_the_servers_clock() -> None:
    limits = Limits()
    taken(limits, 1_000.9, 4)
    assert taken(limits, 1_000.999, 4) == 0
    assert taken(limits, 1_001.0, 4) == 2
    assert taken(limits, 1_060.0, 10) == 4


def test_apis_have_buckets_of_their_own() -> None:
    limits = Limits()
    taken(limits, 1_000.0, 4)
    assert limits.take("another", 1_000.0).code is None


def test_the_remaining_tokens_are_told() -> None:
    limits = Limits()
    told = [limits.take("search", 1_000.0).headers["gncp-gw-ratelimit-remaining"] for _ in range(5)]
    assert told == ["3", "2", "1", "0", "0"]


def test_a_clock_that_steps_back_refills_nothing() -> None:
    limits = Limits()
    taken(limits, 1_000.0, 4)
    assert taken(limits, 900.0, 4) == 0
    assert taken(limits, 901.0, 4) == 2


def test_a_quota_of_seconds_opens_with_the_next_second() -> None:
    limits = Limits(replenish=100, burst=200)
    limits.set_quota(3, "SECONDS")
    assert taken(limits, 1_000.0, 10) == 3
    assert limits.take("search", 1_000.0).code == "GW.QUOTA_LIMIT"
    assert taken(limits, 1_001.0, 10) == 3
    limits.lift_quota()
    assert taken(limits, 1_001.0, 10) == 10


def test_over_http_the_fifth_call_of_a_second_is_refused_and_another_seller_is_not(
    simulator: Simulator, time: FrozenTime
) -> None:
    busy, calm = simulator.add_seller("바쁜집", 3), simulator.add_seller("조용한집", 3)
    with Caller(simulator, busy) as one, Caller(simulator, calm) as other:
        answers = [one.search(1) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
        assert answers[-1].json()["code"] == "GW.RATE_LIMIT"
        assert answers[0].headers["gncp-gw-ratelimit-replenish-rate"] == "2"
        assert answers[0].headers["gncp-gw-ratelimit-burst-capacity"] == "4"
        assert "retry-after" not in answers[-1].headers
        assert other.search(1).status_code == 200
        time.advance(1)
        assert [one.search(1).status_code for _ in range(3)] == [200, 200, 429]


def test_tokens_can_be_asked_for_at_any_rate(simulator: Simulator) -> None:
    with Caller(simulator, simulator.add_seller("바쁜집", 3)) as one:
        assert {one.ask_token().status_code for _ in range(10)} == {200}
