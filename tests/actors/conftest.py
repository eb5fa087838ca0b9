"""A virtual host, a database, a simulator and the machinery to start the commands on them, for one test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.clock import SystemClock
from tests.actors.fleet import Fleet
from tests.servers.rabbitmq import rabbitmq_virtual_host
from tests.simulator import Simulator
from tests.world import World


@pytest.fixture
def naver() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def virtual_host() -> Iterator[str]:
    """A virtual host of this test alone: what another one left on a queue must not come here."""
    with rabbitmq_virtual_host(os.environ) as url:
        yield url


@pytest.fixture
def migrated_postgresql_url(fresh_postgresql_database: Callable[..., str], postgresql_template: str) -> str:
    return fresh_postgresql_database(postgresql_template)


@pytest.fixture
def world(migrated_postgresql_url: str, naver: Simulator) -> Iterator[World]:
    """The same database as the processes see, by the real clock."""
    world = World.at(migrated_postgresql_url, naver, SystemClock())
    yield world
    world.rt.close()


@pytest.fixture
def make_fleet(
    tmp_path: Path, virtual_host: str, migrated_postgresql_url: str, naver: Simulator
) -> Iterator[Callable[..., Fleet]]:
    with ExitStack() as stack:

        def make(**settings: str) -> Fleet:
            fleet = Fleet(tmp_path / "fleet", migrated_postgresql_url, virtual_host, naver.url, settings)
            return stack.enter_context(fleet)

        yield make
