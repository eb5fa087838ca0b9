"""The pace against a model of the gateway's bucket, which counts in whole seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.naver.pace import ASSUMED_BURST, ASSUMED_RATE, LONGEST_WAIT, STEP, Pace


def headers(remaining: object, rate: object = 2, burst: object = 4) -> dict[str, str]:
    return {
        "gncp-gw-ratelimit-replenish-rate": str(rate),
        "gncp-gw-ratelimit-burst-capacity": str(burst),
        "gncp-gw-ratelimit-remaining": str(remaining),
    }


@dataclass
class Bucket:
    """Spring's RedisRateLimiter: tokens are added at whole seconds of the gateway's clock."""

    rate: int
    burst: int
    tokens: int
    second: int = 0

    def take(self, now: float) -> bool:
        second = math.floor(now)
        self.tokens = min(self.burst, self.tokens + (second - self.second) * self.rate)
        self.second = second
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


rates = st.integers(1, 5)
delays = st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 0.4), st.floats(0, 1.5)), min_size=1, max_size=40)


@given(rates, st.integers(1, 10), st.floats(0, 1, exclude_max=True), delays)
def test_a_run_that_keeps_the_pace_is_never_refused(
    rate: int, burst: int, phase: float, steps: list[tuple[float, float, float]]
) -> None:
    # The gateway's clock stands anywhere in its second; the way there and back, and our own work, take time.
    bucket, now, pace = Bucket(rate, burst, burst), 0.0, Pace(counted_at=-100.0)
    for way_there, way_back, work in steps:
        now += pace.wait(now) + way_there
        assert bucket.take(now + phase)
        now += way_back
        pace = pace.after(headers(bucket.tokens, rate, burst), now)
        now += work


@given(st.floats(0, 1, exclude_max=True), delays)
def test_without_headers_the_pace_fits_the_measured_bucket(
    phase: float, steps: list[tuple[float, float, float]]
) -> None:
    bucket, now, pace = Bucket(ASSUMED_RATE, ASSUMED_BURST, ASSUMED_BURST), 0.0, Pace()
    for way_there, way_back, work in steps:
        now += pace.wait(now) + way_there
        assert bucket.take(now + phase)
        now += way_back
        pace = pace.after({}, now)
        now += work


@given(st.integers(0, 3))
def test_a_request_may_go_at_once_while_tokens_are_left(remaining: int) -> None:
    assert Pace().after(headers(remaining + 1), 5.0).wait(5.0) == 0


def test_with_no_token_left_a_full_second_is_waited() -> None:
    pace = Pace().after(headers(0), 5.0)
    assert pace.wait(5.0) == pytest.approx(STEP)
    assert pace.wait(5.5) == pytest.approx(STEP - 0.5)
    assert pace.wait(5.0 + STEP + 0.001) == 0


def test_a_rate_of_nothing_waits_long_and_then_tries() -> None:
    pace = Pace().after(headers(0, rate=0, burst=0), 5.0)
    assert pace.wait(5.0) == LONGEST_WAIT
    assert pace.wait(5.0 + LONGEST_WAIT) == 0


@pytest.mark.parametrize("garbled", ["-1", "many", "", "1.5", "٣", "9" * 30])
def test_garbled_headers_are_as_good_as_none(garbled: str) -> None:
    assert Pace().after(headers(garbled, garbled, garbled), 5.0) == Pace().after({}, 5.0)


def test_a_rate_that_was_said_once_is_kept_where_later_answers_say_nothing() -> None:
    pace = Pace().after(headers(0, rate=5, burst=10), 5.0).after({}, 6.5)
    assert (pace.rate, pace.burst, pace.tokens) == (5, 10, 4)


@given(
    st.dictionaries(st.sampled_from(list(headers(0))), st.one_of(st.text(), st.integers().map(str))),
    st.floats(0, 1e9),
    st.floats(-1e9, 1e9),
)
def test_no_headers_whatever_make_it_wait_for_ever(said: dict[str, str], received: float, later: float) -> None:
    assert 0 <= Pace().after(said, received).wait(received + later) <= LONGEST_WAIT
