from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.naver_simulator.caller import Caller, FrozenTime
from tests.simulator import Seller, Simulator


@pytest.fixture
def time() -> FrozenTime:
    return FrozenTime()


@pytest.fixture
def simulator(time: FrozenTime) -> Iterator[Simulator]:
    with Simulator(now=time) as running:
        yield running


@pytest.fixture
def seller(simulator: Simulator) -> Seller:
    """A shop of 150 products whose rate limit is in nobody's way."""
    return simulator.add_seller("한빛상회", replenish=10_000)


@pytest.fixture
def caller(simulator: Simulator, seller: Seller) -> Iterator[Caller]:
    with Caller(simulator, seller) as calling:
        yield calling
