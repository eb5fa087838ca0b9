"""The world that flows are tested in, once on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.fakes import FakeClock
from tests.simulator import Simulator
from tests.world import World


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def naver(clock: FakeClock) -> Iterator[Simulator]:
    with Simulator(now=lambda: clock.now().timestamp()) as simulator:
        yield simulator


@pytest.fixture
def make_world(migrated_database_url: str, naver: Simulator, clock: FakeClock) -> Iterator[Callable[..., World]]:
    """Build worlds on one database, each a process of its own with settings of its own."""
    with ExitStack() as stack:

        def make(**settings: object) -> World:
            world = World.at(migrated_database_url, naver, clock, **settings)
            stack.callback(world.rt.close)
            return world

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
